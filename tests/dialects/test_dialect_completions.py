"""OpenAI's completions: several prompts, several answers to each, and those that are only compared."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lens import OnBytes

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.core.usage import Usage
from gateway.dialects.openai_completions import OpenAICompletions
from gateway.dialects.watch import StreamWatch

COMPLETIONS = OnBytes(OpenAICompletions())
NONE = frozenset()


def body(**more):
    return json.dumps({"model": "m", "prompt": "Hi"} | more).encode()


@pytest.mark.parametrize(
    ("more", "choices", "texts"),
    [
        ({}, 1, ("Hi", "")),
        ({"prompt": None}, 1, ("", "")),
        ({"prompt": []}, 1, ("", "")),
        ({"prompt": ["a", "b"], "n": 2, "suffix": "end"}, 4, ("a", "b", "end")),
        ({"prompt": [5, 60, 700]}, 1, ("5 60 700", "")),
        ({"prompt": [[5, 60], [7]], "n": 2, "best_of": 5}, 10, ("5 60", "7", "")),
        ({"prompt": ["a", 3]}, 2, ("a", "3", "")),
    ],
)
def test_each_answer_to_each_prompt_is_held_for(more, choices, texts):
    facts = COMPLETIONS.read(body(**more))
    assert (facts.choices, facts.turns) == (choices, len(texts) - 1)
    assert COMPLETIONS.countable(body(**more)).texts == texts


def test_what_routing_and_billing_need_is_read():
    facts = COMPLETIONS.read(body(max_tokens=7, stream=True, service_tier="flex", user="u"))
    assert (facts.model, facts.output_tokens_max, facts.stream, facts.wants_usage) == ("m", 7, True, False)
    assert (facts.service_tier, facts.session, facts.prompt) == ("flex", "u", "Hi")
    assert COMPLETIONS.read(body()).output_tokens_max is None


@pytest.mark.parametrize("more", [{"max_tokens": -1}, {"n": 0}, {"best_of": 0}, {"n": 129}, {"prompt": 3}])
def test_nonsense_is_refused(more):
    with pytest.raises(BadRequest):
        COMPLETIONS.read(body(**more))


def test_streams_are_asked_to_report_usage():
    lens, asked = OpenAICompletions(), Asked(body(stream=True))
    path, out = lens.aim(asked, "other", lens.read(asked))
    assert path == "/completions"
    assert json.loads(out) == json.loads(asked.body) | {"model": "other", "stream_options": {"include_usage": True}}


@given(st.integers(1, 60))
def test_a_stream_is_read_however_it_is_cut(step):
    chunks = [{"choices": [{"text": "He", "finish_reason": None}], "usage": None}]
    chunks += [{"choices": [{"text": "y", "finish_reason": "stop"}]}]
    chunks += [{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}]
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    watched = StreamWatch(OpenAICompletions(), NONE, wants_usage=False, price=lambda _: None)
    out = b"".join(watched.feed(stream[i : i + step]) for i in range(0, len(stream), step)) + watched.finish()
    assert (watched.text, watched.done, watched.report.usage) == ("Hey", True, Usage(input=3, output=2))
    assert b'"prompt_tokens"' not in out
    assert out.endswith(b"data: [DONE]\n\n")
