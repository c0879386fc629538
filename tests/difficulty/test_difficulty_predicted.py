"""Which row of a model file speaks for a candidate, and how tables of scores are read."""

from __future__ import annotations

import pytest

from gateway.core.money import Money
from gateway.core.request import Facts, Request
from gateway.core.route import Candidate
from gateway.difficulty.model import Difficulty
from gateway.difficulty.predicted import Predicted
from gateway.difficulty.table import Malformed, examples
from gateway.difficulty.training import Example, train

SCORES = {"openai/gpt-4o": 0.9, "gpt-4o": 0.7, "meta/Llama-3.1-8B-Instruct": 0.5, "tier:economy": 0.2}


@pytest.fixture(scope="module")
def predicted():
    return Predicted(Difficulty(train([Example(f"prompt {n}", SCORES) for n in range(20)], {})))


def candidate(name, tier="standard"):
    provider, _, model = name.partition("/")
    return Candidate(name, provider, model, tier, False, Money(1), Money(1))


@pytest.mark.parametrize(
    ("name", "tier", "chance"),
    [
        ("openai/gpt-4o", "premium", 0.9),  # By its own name.
        ("azure/gpt-4o", "premium", 0.7),  # By its model's.
        ("azure/gpt-4o-2024-08-06", "premium", 0.7),  # Without its date.
        ("openrouter/openai/gpt-4o:free", "premium", 0.7),  # Without its owner, and what it is offered as.
        ("vertex/gpt-4o@20240806", "premium", 0.7),
        ("groq/llama-3.1-8b-instruct", "premium", 0.5),
        ("openai/gpt-4o-mini", "premium", None),  # Another model, and nothing is said of that tier.
        ("openai/gpt-4o-mini", "economy", 0.2),  # By its tier.
    ],
)
def test_a_candidate_is_known_by_the_nearest_of_its_names(predicted, name, tier, chance):
    request = Request("r", "k", "openai-chat", Facts("auto", prompt="prompt 3"), 1)
    found = predicted.chances(request, [candidate(name, tier)])
    assert found.get(name) == (None if chance is None else pytest.approx(chance, abs=0.02))


def test_the_cluster_is_that_of_the_prompt(predicted):
    request = Request("r", "k", "openai-chat", Facts("auto", prompt="Hello"), 1)
    assert predicted.cluster(request) == predicted.cluster(request)


LONG = 'prompt,model,score,cost\nhi,a,1,0.1\nhi,b,0.5,\n"two\nlines",a,false,3\n'
WIDE = 'prompt,a,b\nhi,1,0.5\n"two\nlines",FALSE,\n'


@pytest.mark.parametrize("text", [LONG, WIDE])
def test_a_table_is_read_long_or_wide(text):
    assert examples(text.splitlines(keepends=True)) == [
        Example("hi", {"a": 1.0, "b": 0.5}),
        Example("two\nlines", {"a": 0.0}),
    ]


def test_what_was_scored_several_times_has_its_mean():
    assert examples(["prompt,model,score\n", "hi,a,1\n", "hi,a,0\n"]) == [Example("hi", {"a": 0.5})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line must name the columns"),
        ("question,a\nhi,1\n", "the first line must name the columns"),
        ("prompt\nhi\n", "the first line must name the columns"),
        ("prompt,a\nhi,2\n", "line 2: a score must be from 0 to 1, or true or false, not '2'"),
        ("prompt,a\nhi,good\n", "line 2: a score"),
        ("prompt,a\nhi,nan\n", "line 2: a score"),
        ("prompt,a\nhi,1\nho,1,1\n", "line 3: more fields"),
        ("prompt,a,b\nhi,1\n", "line 2: a score"),
        ("prompt,model,score\nhi,a\n", "line 2: a score"),
        ('prompt,a\n"hi,1\n', "line 1: unexpected end"),
    ],
)
def test_a_table_that_cannot_be_read_says_its_line(text, message):
    with pytest.raises(Malformed, match=message):
        examples(text.splitlines(keepends=True))
