"""How far a figure may be off for the calls that happened to be made: the bootstrap, by conversation.

Calls of one conversation are alike, so conversations are drawn and not calls (the cluster bootstrap: Field and Welsh,
https://doi.org/10.1111/j.1467-9868.2007.00593.x). Those beyond the first few hundred are thrown together into groups,
which takes the same space for any ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from random import Random
from zlib import crc32

GROUPS = 256
DRAWS = 200
FEWEST = 8
"""Groups below which nothing is said: a handful of conversations tells little of others."""

_EDGE = 0.025
"""Of the draws, so many are beyond either end of an interval of 95 %."""


class Groups:
    """Which conversations there are."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}

    def of(self, conversation: tuple[str, str]) -> int:
        """The number of its group: its own, while there are few."""
        known = self._numbers.get(conversation)
        if known is not None:
            return known
        if len(self._numbers) >= GROUPS:
            return crc32("\0".join(conversation).encode(errors="replace")) % GROUPS
        return self._numbers.setdefault(conversation, len(self._numbers))

    def __len__(self) -> int:
        return len(self._numbers)


def draws(groups: int) -> list[Counter[int]]:
    """As many groups as there are, drawn with replacement, many times over: how often each was drawn. The same every
    time."""
    if groups < FEWEST:
        return []
    random = Random(groups)  # noqa: S311 - a sample, not a secret
    numbers = range(groups)
    return [Counter(random.choices(numbers, k=groups)) for _ in range(DRAWS)]


def interval(figures: Iterable[int]) -> tuple[int, int] | None:
    """The middle 95 % of what a figure is over the draws; None without any."""
    found = sorted(figures)
    if not found:
        return None
    edge = round(len(found) * _EDGE)
    return found[edge], found[-1 - edge]
