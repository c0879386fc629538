"""Whether two answers say the same, as far as words can tell. Pure.

Answers that are generated twice are seldom the same text. Two are taken for the same if they are equal but for spaces
and capitals, or if they share most of their words, and short ones also their numbers and negations. Where that is wrong
it mostly takes one answer for two, which serves less rather than worse.
"""

from __future__ import annotations

import math
from collections import Counter

from gateway.cache.lexical import marks, words_that_say

CHARACTERS_READ = 4000
"""Of each answer, from its beginning: as many as take half a millisecond."""

SHORT = 300
"""Characters. A longer answer has numbers and negations beside what was asked for."""

ALIKE = 0.8
"""The cosine of the counts of words from which on two answers say the same."""


def same_answer(one: str, other: str) -> bool:
    """Whether either would have done."""
    one, other = (" ".join(text[:CHARACTERS_READ].casefold().split()) for text in (one, other))
    if one == other:
        return bool(one)
    if len(one) <= SHORT or len(other) <= SHORT:
        ours, theirs = marks(one), marks(other)
        if (ours.numbers, ours.negations) != (theirs.numbers, theirs.negations):
            return False
    return _cosine(Counter(words_that_say(one)), Counter(words_that_say(other))) >= ALIKE


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    length = math.sqrt(sum(n * n for n in one.values()) * sum(n * n for n in other.values()))
    return sum(count * other[word] for word, count in one.items()) / length if length else 0.0
