"""Distributions of milliseconds in buckets, and what they would be had calls gone elsewhere. Constant space."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import log

KNOWN_MIN = 20
"""Calls of a deployment before its quantiles are known."""

_STEP = log(1.03)
"""The width of a bucket: a quantile is told to within 1.5 %."""

GROUPS = 64
"""Of conversations, for drawing from them."""

Buckets = Mapping[int, int]
"""How many calls are in each bucket."""


def bucket(milliseconds: float) -> int:
    """The bucket of a duration."""
    return round(log(1 + max(0.0, milliseconds)) / _STEP)


def milliseconds(number: int) -> int:
    """The middle of a bucket."""
    return round(1.03**number - 1)


def quantile(counts: Buckets, share: float) -> int | None:
    """The bucket that so much of all is not above; None where there is none."""
    total, reached = sum(counts.values()), 0
    for number in sorted(counts):
        reached += counts[number]
        if reached >= share * total:
            return number
    return None


class Spread:
    """Durations of calls as they were, and as they would have been: a call that moves takes as long as calls there do
    at the quantile at which it was here. All calls are looked at before that is said."""

    def __init__(self) -> None:
        self._of: defaultdict[str, Counter[int]] = defaultdict(Counter)  # By deployment, as it was.
        self._groups: defaultdict[int, Counter[tuple[str, str, int]]] = defaultdict(Counter)

    def add(self, group: int, was: str, name: str, took_ms: int) -> None:
        """A call that took so long here, and would have gone there."""
        number = bucket(took_ms)
        self._of[was][number] += 1
        self._groups[group % GROUPS][was, name, number] += 1

    @property
    def groups(self) -> int:
        """How many groups of conversations there are, of all that were added."""
        return len(self._groups)

    @property
    def unknown(self) -> int:
        """Calls that would have moved to where nobody knows how long calls take: as long as they took."""
        known = self._known()
        ways = (way for group in self._groups.values() for way in group.items())
        return sum(n for (was, name, _), n in ways if was != name and name not in known)

    def sides(self) -> list[tuple[Counter[int], Counter[int]]]:
        """The distribution as it was and as it would have been, for each group."""
        known, crossed = self._known(), dict[tuple[str, str, int], int]()
        found = []
        for ways in self._groups.values():
            before, after = Counter[int](), Counter[int]()
            for way, count in ways.items():
                was, name, number = way
                if way not in crossed:
                    crossed[way] = self._there(was, name, number) if name in known and was != name else number
                before[number] += count
                after[crossed[way]] += count
            found.append((before, after))
        return found

    def _known(self) -> frozenset[str]:
        return frozenset(name for name, counts in self._of.items() if counts.total() >= KNOWN_MIN)

    def _there(self, was: str, name: str, number: int) -> int:
        here = self._of[was]
        below = sum(count for other, count in here.items() if other < number)
        found = quantile(self._of[name], (below + here[number] / 2) / here.total())
        return number if found is None else found


def together(sides: Sequence[Counter[int]], weights: Mapping[int, int] | None = None) -> Counter[int]:
    """All of them in one; each so many times as `weights` says."""
    found: dict[int, int] = {}
    for place, counts in enumerate(sides):
        if weight := 1 if weights is None else weights.get(place, 0):
            for number, count in counts.items():
                found[number] = found.get(number, 0) + count * weight
    return Counter(found)
