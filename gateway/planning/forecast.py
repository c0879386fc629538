"""What will have been spent by then, with an interval, and when a limit is reached: trend and weekly season.

Spend per day is taken for a straight line with a level of its own for each day of the week, fitted by least squares;
the interval is that of a prediction from such a fit (two-sided, 90 %, Student's t), so it is wide where days differ or
are few. It takes for granted that days scatter independently around the line. Only roots are rounded.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from gateway.core.money import ZERO, Money
from gateway.planning.amounts import summed, times

DAY_S = 86_400
WEEK = 7
SEASON_DAYS_MIN = 14
"""Two of each day of the week. Below, all days count as alike."""
TREND_DAYS_MIN = 7

# 95th percentiles of Student's t with 1, 2, … degrees of freedom, in thousandths; beyond, the normal distribution's
# (https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm).
_T = (
    *(6314, 2920, 2353, 2132, 2015, 1943, 1895, 1860, 1833, 1812, 1796, 1782, 1771, 1761, 1753),
    *(1746, 1740, 1734, 1729, 1725, 1721, 1717, 1714, 1711, 1708, 1706, 1703, 1701, 1699, 1697),
)
_NORMAL = 1645

Days = Sequence[tuple[int, Fraction]]
"""Days by number since 1970, UTC, and how much of each."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A sum to come. The bounds are None where too few days are known."""

    expected: Money
    low: Money | None
    high: Money | None

    def scaled(self, factor: Fraction) -> Estimate:
        """The same, so many times."""
        low, high = (None if bound is None else times(bound, factor) for bound in (self.low, self.high))
        return Estimate(times(self.expected, factor), low, high)


@dataclass(frozen=True, slots=True)
class _Level:
    """Of the days of one kind: how many, and the averages of their numbers and amounts."""

    count: int
    day: Fraction
    picos: Fraction


@dataclass(frozen=True, slots=True)
class Fit:
    """The line, its levels, and how days scatter around it."""

    levels: Mapping[int, _Level]  # By day of the week, or all under 0.
    slope: Fraction  # Pico-dollars a day, more each day.
    spread: Fraction  # Σ of squared distances of days from their averages; nothing where there is no slope.
    variance: Fraction | None  # Of one day; None where nothing is left to estimate it from.
    freedom: int

    def sum(self, days: Days) -> Estimate:
        """What these days will come to. Never less than nothing."""
        return deque(self.running(days), maxlen=1).pop() if days else Estimate(ZERO, None, None)

    def running(self, days: Days) -> Iterator[Estimate]:
        """What they will have come to after each of them."""
        expected, squares, reach = Fraction(0), Fraction(0), Fraction(0)
        spans: defaultdict[int, Fraction] = defaultdict(Fraction)
        for day, part in days:
            kind = self._kind(day)
            level = self.levels[kind]
            expected += part * (level.picos + self.slope * (day - level.day))
            squares += part * part
            spans[kind] += part
            reach += part * (day - level.day)
            doubt = squares + sum(span * span / self.levels[one].count for one, span in spans.items())
            yield self._estimate(expected, doubt + (reach * reach / self.spread if self.spread else 0))

    def _estimate(self, expected: Fraction, doubt: Fraction) -> Estimate:
        """`doubt`: how many times the variance of one day."""
        if self.variance is None:
            return Estimate(_amount(expected), None, None)
        off = _root(self.variance * doubt) * _quantile(self.freedom) / 1000
        return Estimate(_amount(expected), _amount(expected - off), _amount(expected + off))

    def _kind(self, day: int) -> int:
        return day % WEEK if len(self.levels) > 1 else 0


def fit(first: int, amounts: Sequence[Money]) -> Fit:
    """Of one amount a day, one at least, the first on that day (its number since 1970)."""
    days = [(first + number, Fraction(money.picos)) for number, money in enumerate(amounts)]
    by_kind: defaultdict[int, list[tuple[int, Fraction]]] = defaultdict(list)
    for day, picos in days:
        by_kind[day % WEEK if len(days) >= SEASON_DAYS_MIN else 0].append((day, picos))
    levels = {kind: _level(group) for kind, group in by_kind.items()}
    centred = [(day - levels[kind].day, picos - levels[kind].picos) for kind in by_kind for day, picos in by_kind[kind]]
    slope, spread = Fraction(0), Fraction(0)
    if len(days) >= TREND_DAYS_MIN:
        spread = sum((day * day for day, _ in centred), Fraction(0))
        slope = sum((day * picos for day, picos in centred), Fraction(0)) / spread
    freedom = len(days) - len(levels) - bool(spread)
    squares = sum(((picos - slope * day) ** 2 for day, picos in centred), Fraction(0))
    return Fit(levels, slope, spread, squares / freedom if freedom > 0 else None, freedom)


def horizon(now: float, end: float) -> list[tuple[int, Fraction]]:
    """Every day from now until before `end`, in Unix seconds, and how much of it that is."""
    start, stop = Fraction(now), Fraction(end)
    days = range(int(start // DAY_S), -int(-stop // DAY_S))
    edges = [Fraction(day * DAY_S) for day in days]
    return [(day, (min(stop, edge + DAY_S) - max(start, edge)) / DAY_S) for day, edge in zip(days, edges, strict=True)]


def series(by_day: Mapping[int, Money], today: int) -> tuple[int, list[Money]]:
    """One amount for each whole day from the first that has any until yesterday; nothing on days between."""
    first = min((day for day in by_day if day < today), default=today)
    return first, [by_day.get(day, ZERO) for day in range(first, today)]


def reached(found: Fit, days: Days, left: Money, factor: Fraction = Fraction(1)) -> tuple[int | None, int | None]:
    """The day on which `left` is expected to be spent, and the first on which it may be; None for not in these days.
    `factor`: how many times what is spent otherwise."""
    earliest: int | None = None
    for (day, _), one in zip(days, found.running(days), strict=True):
        told = one.scaled(factor)
        if earliest is None and (told.high or told.expected) >= left:
            earliest = day
        if told.expected >= left:
            return day, earliest
    return None, earliest


@dataclass(frozen=True, slots=True)
class Rolling:
    """An amount for so many days that always end now."""

    by_day: Mapping[int, Money]  # What was spent so far, today included.
    length: int  # Days.
    amount: Money


def reached_rolling(
    found: Fit, days: Days, limit: Rolling, factor: Fraction = Fraction(1)
) -> tuple[int | None, int | None]:
    """The same for an amount that rolls. The first of `days` is what is left of today."""
    running = [one.scaled(factor) for one in found.running(days)]
    today, earliest = days[0][0], None
    for (day, _), one in zip(days, running, strict=True):
        first = day - limit.length + 1
        known = summed(limit.by_day.get(number, ZERO) for number in range(first, today + 1))
        gone = running[first - 1 - today].expected if first > today else ZERO
        if earliest is None and known + (one.high or one.expected) - gone >= limit.amount:
            earliest = day
        if known + one.expected - gone >= limit.amount:
            return day, earliest
    return None, earliest


def _level(group: Iterable[tuple[int, Fraction]]) -> _Level:
    days, amounts = zip(*group, strict=True)
    return _Level(len(days), Fraction(sum(days), len(days)), sum(amounts, Fraction(0)) / len(days))


def _quantile(freedom: int) -> int:
    return _T[freedom - 1] if freedom <= len(_T) else _NORMAL


def _amount(picos: Fraction) -> Money:
    return Money(max(0, round(picos)))


def _root(number: Fraction) -> Fraction:
    """Rounded down to a whole one; amounts are pico-dollars."""
    return Fraction(isqrt(int(number)))
