"""What a prompt looks like: its words and pairs of words as hashed buckets, and a few numbers. Nothing of it can be
read back, and the same prompt gives the same features in every process and on every machine."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from math import log1p
from typing import NamedTuple
from zlib import crc32

from gateway.core.request import excerpt

VERSION = 1
"""Of what this file computes. A model knows the version that it was trained with, and no other is given to it."""

BUCKETS = 8192
"""Words share so many places (feature hashing, Weinberger et al. 2009, https://arxiv.org/abs/0902.2206)."""

DIGITS_MAX = 12
"""Of a number; what follows is not read."""

_WORDS = re.compile(rb"[a-z\x80-\xff]+|[0-9]+|[^\sa-z0-9\x80-\xff]")
_CODE = ("```", "def ", "return ", "import ", "SELECT ", "function", "();", "</", "{\n", ";\n")
_DIGITS, _CAPITALS = b"0123456789", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ABOVE = crc32(b"above")  # What stands before the last block is hashed apart from it.

NUMBERS = (
    "characters",
    "characters of the last block",
    "words",
    "characters per word",
    "longest word",
    "distinct words",
    "distinct words per word",
    "words per sentence",
    "sentences",
    "lines",
    "blocks",
    "commas",
    "question marks",
    "capitals",
    "digits",
    "numbers",
    "distinct numbers",
    "largest number",
    "percentages and prices",
    "fractions",
    "numbers in words",
    "words of amount",
    "words of condition",
    "signs of code",
)
"""The numbers in the order in which `read` gives them; of the last block, where nothing else is said. Counts are
logarithms, so that a long prompt is not beyond all others."""

_KINDS = (
    dict.fromkeys(
        b"half twice thrice third quarter double triple times percent fraction each every per total".split(), 1
    )
    | dict.fromkeys(b"if then than more less fewer left remaining after before until unless except".split(), 2)
    | dict.fromkeys(b"one two three four five six seven eight nine ten eleven twelve twenty hundred".split(), 3)
)
_AMOUNT, _CONDITION, _NUMERAL = 1, 2, 3


class Features(NamedTuple):
    """Of one prompt."""

    buckets: frozenset[int]
    numbers: tuple[float, ...]


def read(prompt: str) -> Features:
    """The features of a prompt; of a long one, those of its excerpt. The last block, after the last empty line, is what
    is asked, more often than not; what stands above it is context or examples, and tells other things by the same
    words."""
    prompt = excerpt(prompt)
    above, _, last = prompt.rstrip().rpartition("\n\n")
    words, before = _words(last), _words(above)
    hashes = list(map(crc32, words))
    pairs = map(crc32, words[1:], hashes)
    context = [crc32(word, _ABOVE) for word in set(before)]
    buckets = frozenset([h % BUCKETS for h in chain(set(hashes), pairs, context)])
    return Features(buckets, _numbers(prompt, last, words))


def _words(text: str) -> list[bytes]:
    return _WORDS.findall(text.lower().encode("utf-8", "replace"))


def _numbers(prompt: str, last: str, words: list[bytes]) -> tuple[float, ...]:
    plain = last.encode("utf-8", "replace")
    size, count, distinct = len(plain) + 1, len(words) + 1, set(words)
    lengths = [*map(len, words)] or [0]
    numbers = [word for word in words if word.isdigit()]
    kinds = Counter(map(_KINDS.get, words))
    sentences = 1 + plain.count(b". ") + plain.count(b"? ") + plain.count(b"! ")
    return (
        log1p(len(prompt)),
        log1p(size),
        log1p(count),
        sum(lengths) / count,
        log1p(max(lengths)),
        log1p(len(distinct)),
        len(distinct) / count,
        log1p(count / sentences),
        log1p(sentences),
        log1p(plain.count(b"\n")),
        log1p(prompt.count("\n\n")),
        log1p(plain.count(b",")),
        log1p(plain.count(b"?")),
        (len(plain) - len(plain.translate(None, _CAPITALS))) / size,
        (len(plain) - len(plain.translate(None, _DIGITS))) / size,
        log1p(len(numbers)),
        log1p(len(set(numbers))),
        log1p(max([int(number[:DIGITS_MAX]) for number in numbers], default=0)),
        log1p(plain.count(b"%") + plain.count(b"$")),
        log1p(plain.count(b"/")),
        log1p(kinds[_NUMERAL]),
        log1p(kinds[_AMOUNT]),
        log1p(kinds[_CONDITION]),
        log1p(sum([sign in prompt for sign in _CODE])),
    )
