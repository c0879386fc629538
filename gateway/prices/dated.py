"""Which of several dated prices applies at an instant, and for how long that stays so."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta

from gateway.prices.feed import Conditional, Constraint

DAY = 86_400  # Seconds; unix time has no leap seconds.
EPOCH = date(1970, 1, 1).toordinal()
EPOCH_WEEKDAY = date(1970, 1, 1).weekday()
ALL_DAYS = tuple(range(7))  # Of the week; 0 is Monday.


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` until before `until`, in unix seconds, nothing changes."""

    since: float = -math.inf
    until: float = math.inf

    def __and__(self, other: Window) -> Window:
        return Window(max(self.since, other.since), min(self.until, other.until))


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of the day on some days of the week, UTC. One that crosses midnight belongs to the day it begins on."""

    spans: tuple[tuple[int, int], ...] = ((0, DAY),)  # Seconds since midnight: from, until before.
    days: tuple[int, ...] = ALL_DAYS

    def applies(self, at: float) -> bool:
        """Whether a unix time is in one of them."""
        return any(start <= at < end for day, start, end in self._near(at) if _weekday(day) in self.days)

    def window(self, at: float) -> Window:
        """A time around `at` in which that does not change, no longer than to the next begin or end on any day."""
        return around([edge for _, *edges in self._near(at) for edge in edges], at)

    def _near(self, at: float) -> list[tuple[int, int, int]]:
        """(day, begin, end) of yesterday's, today's and tomorrow's."""
        today = int(at // DAY)
        return [
            (day, day * DAY + start, day * DAY + end + (DAY if end <= start else 0))
            for day in (today - 1, today, today + 1)
            for start, end in self.spans
        ]


def _weekday(day: int) -> int:
    return (day + EPOCH_WEEKDAY) % len(ALL_DAYS)


def midnight(day: date) -> int:
    """Unix seconds of the start of a day, UTC."""
    return (day.toordinal() - EPOCH) * DAY


def second_of_day(clock: time) -> int:
    """Seconds since midnight UTC; a time without a zone is UTC."""
    east = clock.utcoffset() or timedelta(0)
    return (clock.hour * 3600 + clock.minute * 60 + clock.second - int(east.total_seconds())) % DAY


def active(constraint: Constraint | None, at: float) -> bool:
    """Whether a price with this constraint applies at a unix time. Intervals may cross midnight."""
    if constraint is None:
        return True
    if constraint.start_date is not None:
        return at >= midnight(constraint.start_date)
    assert constraint.start_time is not None  # The parser lets no other constraint through.
    assert constraint.end_time is not None
    start, end, now = second_of_day(constraint.start_time), second_of_day(constraint.end_time), at % DAY
    return now >= start or now < end if end < start else start <= now < end


def applying(conditionals: tuple[Conditional, ...], at: float) -> Conditional:
    """The last price list that applies; the first of all where none does (so says genai-prices)."""
    return next((item for item in reversed(conditionals) if active(item.constraint, at)), conditionals[0])


def window(constraints: Iterable[Constraint | None], at: float) -> Window:
    """The time around `at` in which none of these constraints begins or ceases to apply."""
    result = Window()
    for constraint in constraints:
        if constraint is None:
            continue
        if constraint.start_date is not None:
            result &= around([midnight(constraint.start_date)], at)
        for clock in (constraint.start_time, constraint.end_time):
            if clock is not None:
                today = int(at // DAY) * DAY + second_of_day(clock)
                result &= around([today - DAY, today, today + DAY], at)
    return result


def changes(constraints: Iterable[Constraint | None], at: float) -> list[float]:
    """`at`, and later instants that between them see every combination of these constraints that is still to come: the
    start dates, and on the day after each of these and after `at` the hours that begin or end."""
    present = [constraint for constraint in constraints if constraint is not None]
    days = {float(midnight(item.start_date)) for item in present if item.start_date is not None}
    clocks = {
        second_of_day(clock) for item in present for clock in (item.start_time, item.end_time) if clock is not None
    }
    begins = [at, *(day for day in days if day > at)]
    return sorted({*begins, *(begin + (clock - begin) % DAY for begin in begins for clock in clocks)})


def around(instants: Iterable[int], at: float) -> Window:
    """The time between the neighbours of `at` among some instants."""
    result = Window()
    for instant in instants:
        result &= Window(since=instant) if instant <= at else Window(until=instant)
    return result
