"""What is read from a prompt: bounded, the same everywhere, and nothing of it can be read back."""

from __future__ import annotations

import subprocess
import sys
from math import isfinite, log1p

import pytest
from harness import ROOT
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.request import PROMPT_PART_CHARACTERS, excerpt
from gateway.difficulty.features import BUCKETS, NUMBERS, read


def number(prompt, name):
    return read(prompt).numbers[NUMBERS.index(name)]


@given(st.text(st.characters(), max_size=300))
def test_any_text_has_features(prompt):
    """Lone surrogates, too."""
    found = read(prompt)
    assert len(found.numbers) == len(NUMBERS)
    assert all(map(isfinite, found.numbers))
    assert all(0 <= bucket < BUCKETS for bucket in found.buckets)


def test_another_process_reads_the_same():
    """Python's own hash would not."""
    prompt = "Prove that 7 is prime.\n\nThen: is 8?"
    code = f"from gateway.difficulty.features import read; print(sorted(read({prompt!r}).buckets))"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(sorted(read(prompt).buckets))


def test_of_a_long_prompt_the_beginning_and_the_end_are_read():
    head, tail = "a" * PROMPT_PART_CHARACTERS, "z" * PROMPT_PART_CHARACTERS
    assert read(head + "unread " * 10_000 + tail) == read(f"{head}\n{tail}")


def test_what_is_cut_once_is_not_cut_again():
    """A dialect cuts in the same way."""
    long = "one two three. " * 1000
    assert excerpt(excerpt(long)) == excerpt(long) != long
    assert read(excerpt(long)) == read(long)


def test_the_last_block_is_what_is_asked_and_the_rest_is_hashed_apart():
    assert read("water\n\nfire").buckets & read("fire").buckets == read("fire").buckets
    assert not read("water\n\nfire").buckets & read("water").buckets


def test_pairs_of_words_are_told_apart_from_their_words():
    assert read("ab cd").buckets > read("cd ab").buckets & read("ab cd").buckets
    assert len(read("ab cd").buckets) == 3


@pytest.mark.parametrize(
    ("prompt", "name", "value"),
    [
        ("He paid 12 and 12 and 350", "numbers", log1p(3)),
        ("He paid 12 and 12 and 350", "distinct numbers", log1p(2)),
        ("He paid 12 and 12 and 350", "largest number", log1p(350)),
        ("9" * 10_000, "largest number", log1p(int("9" * 12))),
        ("a 12.5 % rise of $3", "percentages and prices", log1p(2)),
        ("half of each, twice", "words of amount", log1p(3)),
        ("if more than seven", "words of condition", log1p(3)),
        ("if more than seven", "numbers in words", log1p(1)),
        ("1/2", "fractions", log1p(1)),
        ("def f():\n    return 1", "signs of code", log1p(2)),
        ("One. Two? Three! Four", "sentences", log1p(4)),
        ("ABc", "capitals", 0.5),
        ("", "characters", 0.0),
    ],
)
def test_numbers_say_what_they_are_called(prompt, name, value):
    assert number(prompt, name) == pytest.approx(value)
