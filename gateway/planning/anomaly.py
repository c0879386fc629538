"""Whether an hour has cost more than such hours do: medians by hour of the week, which a few odd hours cannot move.

What is usual is the median of the same hour in the last six weeks, three at least. How far a node scatters is the
median distance of the last week's hours from what was usual for each, as a part of it (MAD, × 1.4826 as for a normal
distribution; Rousseeuw and Croux 1993, https://doi.org/10.1080/01621459.1993.10476408). Whoever spends more in general
than weeks ago moves the bar up with the last week. Nothing here is booked, so figures are floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

HOUR_S = 3600
WEEK_H = 168
WEEKS = 6
WEEKS_MIN = 3

TIMES = 2.0
"""Of what is usual: less is no anomaly, however regular a node is."""

SCATTERS = 4.5
"""Above what is usual. Chosen on the data of benchmarks/alerts: fewer find more, and cry wolf more often."""

TIMES_EVER = 1.5
"""The same of the dearest hour that is known, where such an hour usually costs nothing."""

WORTH_NANOS = 10**9
"""A dollar above what is usual: less is not worth a word."""

_NORMAL = 1.4826

Hours = Mapping[int, int]
"""Nano-dollars by hour since 1970; an hour without any may be missing."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """An hour that has cost too much, in nano-dollars."""

    spent: int
    usual: int
    bar: int  # What it had to pass.


def unusual(spent: Hours, hour: int, first: int) -> Unusual | None:
    """What is odd about this hour, also while it is not over; `first`: from which hour on anything is known. None also
    where too few weeks are."""
    weeks = min(WEEKS, (hour - first) // WEEK_H)
    if weeks < WEEKS_MIN:
        return None
    now, usual = spent.get(hour, 0), _usual(spent, hour, weeks)
    if now <= max(TIMES * usual, usual + WORTH_NANOS):
        return None
    history = [spent.get(one, 0) for one in range(hour - weeks * WEEK_H, hour)]
    usual *= _level(history)
    bar = max(
        TIMES * usual,
        usual * (1 + SCATTERS * _scatter(spent, hour, first)),
        usual + WORTH_NANOS,
        sum(history) / len(history),  # At night little is twice as much as usual.
        0 if usual else TIMES_EVER * max(history),
    )
    return Unusual(now, round(usual), round(bar)) if now > bar else None


def _usual(spent: Hours, hour: int, weeks: int) -> float:
    return median(spent.get(hour - week * WEEK_H, 0) for week in range(1, weeks + 1))


def _scatter(spent: Hours, hour: int, first: int) -> float:
    """Of the last week's hours, as a part of what is usual."""
    usual = {one: _usual(spent, one, min(WEEKS, (one - first) // WEEK_H)) for one in range(hour - WEEK_H, hour)}
    off = [abs(spent.get(one, 0) / amount - 1) for one, amount in usual.items() if amount]
    return _NORMAL * median(off) if off else 0.0


def _level(history: list[int]) -> float:
    """How many times what weeks cost the last one did; 1 at least."""
    weeks = [sum(history[begin : begin + WEEK_H]) for begin in range(0, len(history), WEEK_H)]
    before = median(weeks[:-1])
    return max(1.0, weeks[-1] / before) if before else 1.0
