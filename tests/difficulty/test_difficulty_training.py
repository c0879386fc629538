"""Training: what is learned, that it is the same every time, and that a file says what it needs."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.difficulty.linear import axes, dot
from gateway.difficulty.model import CLUSTERS, FORMAT_VERSION, Difficulty, Unreadable
from gateway.difficulty.packed import Packed
from gateway.difficulty.training import Example, train
from gateway.difficulty.trial import trial

EASY, HARD = "What is the capital of {}?", "Prove by induction that {} divides n^3 - n."
NAMES = ["Oslo", "Bern", "Rome", "Paris", "Kyiv", "Lima", "Quito", "Cairo", "Delhi", "Hanoi", "Seoul", "Tokyo"]


def lessons(count=120, seed=1):
    """The small model fails where something is to be proved; the tiny one always."""
    drawn = random.Random(seed)
    hard = [drawn.random() < 0.5 for _ in range(count)]
    prompts = [(HARD if h else EASY).format(f"{drawn.choice(NAMES)} {drawn.randrange(99)}") for h in hard]
    return [
        Example(prompt, {"large": 0.9, "small": float(not h), "tiny": 0.0})
        for prompt, h in zip(prompts, hard, strict=True)
    ]


@pytest.fixture(scope="module")
def learned():
    return train(lessons(), {"data": "made up"})


def test_it_learns_where_a_small_model_will_do(learned):
    difficulty = Difficulty(learned)
    easy = difficulty.chances(EASY.format("Athens"), ("large", "small", "tiny"))
    hard = difficulty.chances(HARD.format("Athens"), ("large", "small", "tiny"))
    assert easy["small"] > 0.8
    assert hard["small"] < 0.3
    assert easy["large"] == pytest.approx(0.9, abs=0.1)
    assert easy["tiny"] == pytest.approx(0.0, abs=0.1)


def test_a_model_that_was_not_trained_on_is_left_out(learned):
    assert Difficulty(learned).chances("hi", ("small", "unheard-of")).keys() == {"small"}
    assert Difficulty(learned).chances("hi", ("unheard-of",)) == {}


def test_training_twice_gives_the_same_bytes(learned):
    assert msgspec.json.encode(train(lessons(), {"data": "made up"})) == msgspec.json.encode(learned)


def test_a_file_is_small_says_what_it_was_made_of_and_holds_no_prompt(learned, tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(msgspec.json.encode(learned))
    assert path.stat().st_size < 5_000_000
    assert not [word for word in ("capital", "induction", "Oslo") if word in path.read_text()]
    read = Difficulty.load(path)
    assert read.models == ("large", "small", "tiny")
    assert read.about["data"] == "made up"
    assert read.about["prompts"] == "120"
    prompt = HARD.format("Athens")
    assert read.chances(prompt, read.models) == Difficulty(learned).chances(prompt, read.models)
    assert read.cluster(prompt) == Difficulty(learned).cluster(prompt)


def test_another_file_is_refused_and_it_is_said_why(learned, tmp_path):
    path = tmp_path / "model.json"
    for body, why in (
        (b"{}", "is no difficulty model"),
        (b"not json", "is no difficulty model"),
        (msgspec.json.encode(msgspec.structs.replace(learned, version=FORMAT_VERSION + 1)), "another version"),
        (msgspec.json.encode(msgspec.structs.replace(learned, features=0)), "another version"),
        (msgspec.json.encode(msgspec.structs.replace(learned, splits=())), "missing"),
        (msgspec.json.encode(msgspec.structs.replace(learned, squares=Packed.of([1.0]))), "missing"),
    ):
        path.write_bytes(body)
        with pytest.raises(Unreadable, match=why):
            Difficulty.load(path)


def test_models_need_not_have_been_tried_on_the_same_prompts():
    """Each is learned from what is known of it; what is not known of it does not count as nought."""
    tried = [
        Example(e.prompt, {"large": e.scores["large"]} if n % 2 else {"small": e.scores["small"]})
        for n, e in enumerate(lessons(240))
    ]
    difficulty = Difficulty(train(tried, {}))
    assert difficulty.chances(EASY.format("Athens"), ("large",))["large"] == pytest.approx(0.9, abs=0.1)
    assert difficulty.chances(EASY.format("Athens"), ("small",))["small"] > 0.7
    assert difficulty.chances(HARD.format("Athens"), ("small",))["small"] < 0.4


def test_without_scores_there_is_nothing_to_learn():
    for examples in ([], [Example("hi", {})]):
        with pytest.raises(ValueError, match="no scores"):
            train(examples, {})


def test_clusters_are_a_fixed_number_and_every_prompt_has_one(learned):
    difficulty = Difficulty(learned)
    found = {difficulty.cluster(example.prompt) for example in lessons(200, seed=2)}
    assert found <= set(range(CLUSTERS))
    assert len(found) > 1
    assert difficulty.cluster("") in range(CLUSTERS)


@given(st.text(st.characters(), max_size=200))
def test_a_chance_is_from_nought_to_one_whatever_is_asked(prompt):
    difficulty = Difficulty.load()
    assert all(0 <= chance <= 1 for chance in difficulty.chances(prompt, difficulty.models).values())
    assert 0 <= difficulty.cluster(prompt) < CLUSTERS


def test_the_model_that_comes_along_knows_tiers_and_finds_proofs_harder_than_greetings():
    difficulty = Difficulty.load()
    assert {"tier:economy", "tier:standard", "tier:premium"} <= set(difficulty.models)
    puzzle = (
        "There are 4 houses in a row, numbered 1 on the left to 4 on the right. Each person has a different job, drink "
        "and pet. The baker lives left of the tea drinker. Who owns the fox?"
    )
    gains = {}
    for prompt in ("Hello, how are you?", puzzle):
        chances = difficulty.chances(prompt, ("tier:economy", "tier:premium"))
        gains[prompt] = chances["tier:premium"] - chances["tier:economy"]
    assert gains[puzzle] > gains["Hello, how are you?"]


def test_a_trial_says_what_choosing_by_prompt_is_worth_beside_the_best_fixed_model():
    half = [Example(e.prompt, {"a": e.scores["small"], "b": 1 - e.scores["small"]}) for e in lessons(200)]
    seen = trial(half)
    assert seen.prompts == 40
    assert seen.picked > seen.models[seen.fixed] + 0.2
    assert seen.oracle == 1.0


def test_without_prompts_that_all_were_tried_on_a_trial_says_nothing():
    assert trial([Example(e.prompt, {"small": 1.0}) for e in lessons()]) is None
    assert trial([Example(str(n), {"a" if n % 2 else "b": 1.0}) for n in range(60)]) is None


@given(st.lists(st.floats(-1e3, 1e3), max_size=20))
def test_packed_numbers_are_kept_to_three_places_of_the_largest(numbers):
    most = max(map(abs, numbers), default=0.0)
    kept = msgspec.json.decode(msgspec.json.encode(Packed.of(numbers)), type=Packed).floats()
    assert kept == pytest.approx(numbers, abs=most / 1000 or 1e-9)


def test_axes_are_orthogonal_and_the_first_says_most():
    drawn = random.Random(3)
    common = [drawn.gauss(0, 3) for _ in range(200)]
    columns = [[x * weight + drawn.gauss(0, 0.5) for x in common] for weight in (1.0, 2.0, -1.0)]
    columns = [[x - sum(column) / len(column) for x in column] for column in columns]
    first, second, third = axes(columns, 9)
    assert first == pytest.approx([w / 6**0.5 for w in (1, 2, -1)], abs=0.05)
    for left, right in ((first, second), (first, third), (second, third)):
        assert dot(left, right) == pytest.approx(0, abs=1e-6)
    for axis in (first, second, third):
        assert dot(axis, axis) == pytest.approx(1)
