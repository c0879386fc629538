"""How alike two questions are, by their words alone: no model, no download, some 20 µs a question. Pure.

A question becomes weights of words and of pairs of neighbours, so that the order of words counts. Articles say nothing,
and words that only hold a sentence together say less. What must be the same whatever the similarity (`Marks`) are
numbers, negations, symbols (C, C++ and C#), names, and what is asked for: a similarity of 0.98 with another year in it
is another question.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

CHARACTERS_MAX = 2000
"""Of a question that is compared. A longer one is a document rather than a question."""

LIGHT, PAIR, FORM = 0.4, 0.4, 0.3
"""What a word that only holds a sentence together weighs beside any other's 1; a pair of neighbours; and the form of a
word (its plural). Chosen by hand; the benchmark of caching says what they are good for."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SYMBOL = re.compile(r"\+\+|[^\w\s?.,!'\"’‘“”:;()\-/…]")
_ARTICLES = frozenset(("a", "an", "the"))
_HOLDING = """
is are was were be been being am do does did have has had can could will would shall should may might must i me my mine
you your yours we us our it its they them their one some any someone anyone of in on at to for from by with about into
as so very really just also too please there this that these those what which who whom whose how when where why if then
than or and but get find know
"""
_DENYING = "no not never none nothing nobody without cannot neither nor non dont doesnt cant"
_LIGHT, _NEGATIONS = frozenset(_HOLDING.split()), frozenset(_DENYING.split())
_ASKED = {"what": "what", "which": "what", "who": "who", "whom": "who", "whose": "who"} | {
    word: word for word in ("when", "where", "why", "how")
}

Vector = Mapping[str, float]


class Marks(NamedTuple):
    """What must be the same in two questions that may have one answer."""

    numbers: tuple[str, ...]  # In their order.
    negations: int
    symbols: tuple[str, ...]
    asked: str  # The first word that asks; none is none.
    names: frozenset[str]  # Words written like names: the other must have them, too, however written.
    words: frozenset[str]

    def agree(self, other: Marks) -> bool:
        """Whether the two may have one answer."""
        return self.fixed == other.fixed and self.names <= other.words and other.names <= self.words

    @property
    def fixed(self) -> tuple[object, ...]:
        """What is the same in all that agree."""
        return self[:4]


def embed(text: str) -> dict[str, float]:
    """Weights of length 1. The scalar product of two is their similarity, from 0 to 1."""
    words = [word for word in _words(text) if word not in _ARTICLES]
    stems = [stem(word) for word in words]
    weights: dict[str, float] = {}
    for word, root in zip(words, stems, strict=True):
        weights[root] = LIGHT if word in _LIGHT else 1.0
        if word != root:
            weights[f"={word}"] = FORM
    for first, second in zip(["^", *stems], [*stems, "$"], strict=True):
        weights[f"{first} {second}"] = PAIR
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {feature: weight / length for feature, weight in weights.items()}


def marks(text: str) -> Marks:
    """What no similarity makes up for."""
    plain = _plain(text)
    written = _WORD.findall(plain)
    words = [word.casefold().replace("’", "'") for word in written]
    stems = list(map(stem, words))
    names = [
        root
        for root, word, shown in zip(stems[1:], words[1:], written[1:], strict=True)
        if shown[0].isupper() and word not in _LIGHT
    ]
    return Marks(
        numbers=tuple([word for word in words if not word.isalpha() and any(map(str.isdigit, word))]),
        negations=sum([word in _NEGATIONS or word.endswith("n't") for word in words]),
        symbols=tuple(_SYMBOL.findall(plain)),
        asked=next((_ASKED[word] for word in words if word in _ASKED), ""),
        names=frozenset(names),
        words=frozenset(stems),
    )


def similarity(one: Vector, other: Vector) -> float:
    """The scalar product."""
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other.get(feature, 0.0) for feature, weight in one.items())


def words_that_say(text: str) -> list[str]:
    """The stems of a text's words, without those that only hold it together."""
    return [stem(word) for word in _words(text) if word not in _LIGHT and word not in _ARTICLES]


def stem(word: str) -> str:
    """A word without the ending of a plural."""
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _words(text: str) -> list[str]:
    return [word.casefold().replace("’", "'") for word in _WORD.findall(_plain(text))]


def _plain(text: str) -> str:
    """One way of writing the same characters."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)
