"""Which of several dated prices applies at an instant, and for how long that stays so."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time, timedelta

from gateway.prices.feed import Conditional, Constraint

DAY = 86_400  # Seconds; unix time has no leap seconds.
EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` until before `until`, in unix seconds, nothing changes."""

    since: float = -math.inf
    until: float = math.inf

    def __and__(self, other: Window) -> Window:
        return Window(max(self.since, other.since), min(self.until, other.until))


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


def around(instants: Iterable[int], at: float) -> Window:
    """The time between the neighbours of `at` among some instants."""
    result = Window()
    for instant in instants:
        result &= Window(since=instant) if instant <= at else Window(until=instant)
    return result
