"""How alike questions are by their words, and what no similarity makes up for."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.agreement import same_answer
from gateway.cache.lexical import embed, marks, similarity


def alike(one, other):
    return similarity(embed(one), embed(other))


def agree(one, other):
    return marks(one).agree(marks(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the best way to learn Python?", "what is best way to learn python"),
        ("How do I reset a password?", "How do I reset the password ?"),
        ("What’s new?", "What's new?"),
        ("ﬁne weather", "fine weather"),
    ],
)
def test_the_same_words_in_the_same_order_are_the_same(one, other):
    assert alike(one, other) == pytest.approx(1)
    assert agree(one, other)


def test_order_counts_and_so_do_other_words():
    there, back = (
        "How do I convert current source to voltage source?",
        "How do I convert voltage source to current source?",
    )
    assert 0.8 < alike(there, back) < 0.97
    assert alike("How do I learn Python?", "How do I learn to dance?") < 0.8
    assert alike("one", "another") < 0.5
    assert (
        0.97
        < alike(
            "What do cats with long tails and paws eat in the snow?", "What do cat with long tail and paws eat in snow?"
        )
        < 1
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Who won the election in 2016?", "Who won the election in 2020?"),
        ("Is it safe to eat snow?", "Is it not safe to eat snow?"),
        ("Why should I do it?", "Why shouldn't I do it?"),
        ("What is C++?", "What is C#?"),
        ("What is C?", "What is C++?"),
        ("Is 5 < 6?", "Is 5 > 6?"),
        ("How much does it cost in Paris?", "How much does it cost in London?"),
        ("When did he leave?", "Where did he leave?"),
        ("Convert 3 to 4", "Convert 4 to 3"),
    ],
)
def test_what_no_similarity_makes_up_for(one, other):
    assert not agree(one, other)
    assert not agree(other, one)


def test_a_name_may_be_written_small():
    assert agree("Where is Berlin?", "where is berlin?")
    assert agree("Which city is it?", "What city is it?")


@given(st.text(max_size=60))
def test_a_vector_has_length_one_whatever_the_text(text):
    assert math.isclose(sum(weight * weight for weight in embed(text).values()), 1)
    assert alike(text, text) == pytest.approx(1)
    assert agree(text, text)


@given(st.text("ab ?'+5A", max_size=20), st.text("ab ?'+5A", max_size=20))
def test_being_alike_goes_both_ways(one, other):
    assert alike(one, other) == pytest.approx(alike(other, one))
    assert agree(one, other) == agree(other, one)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Yes.", "  yes. ", True),
        ("Paris is the capital of France.", "The capital of France is Paris.", True),
        ("It costs 5 dollars.", "It costs 6 dollars.", False),
        ("It is allowed.", "It is not allowed.", False),
        ("Yes.", "No.", False),
        ("", "", False),
        ("", "Something.", False),
        ("the of and", "a to in", False),
        ("long answer " * 40 + "with 5 cats", "long answer " * 40 + "with 6 cats", True),
    ],
)
def test_which_answers_say_the_same(one, other, same):
    assert same_answer(one, other) is same
    assert same_answer(other, one) is same
