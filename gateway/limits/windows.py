"""When a limit's window begins and ends. Pure: the moment is an argument."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import floor, inf
from zoneinfo import ZoneInfo

from gateway.core.limit import Span

_SECONDS = {Span.SECOND: 1, Span.MINUTE: 60, Span.HOUR: 3600}


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` (inclusive) to `end` (exclusive), in Unix seconds; `end` is infinite for a lifetime."""

    label: str  # Unique among the windows of one limit: its start in local time.
    start: float
    end: float

    @property
    def resets_at(self) -> str | None:
        """The end as RFC 3339 in UTC; None if it never comes."""
        return None if self.end == inf else datetime.fromtimestamp(self.end, ZoneInfo("UTC")).isoformat()


def window_at(span: Span, timezone: str, at: float) -> Window:
    """The window of this span that contains the moment. Days of 23 and 25 hours are as long as they are."""
    if span in (Span.LIFETIME, Span.RUNNING):
        return Window("always", 0.0, inf)
    zone, second = _zone(timezone), floor(at)  # A datetime would round up to the next microsecond, or day.
    if span in _SECONDS:
        return _clock_window(_SECONDS[span], zone, second)
    local = datetime.fromtimestamp(second, zone)
    first = _first_day(span, local)
    start, end = first.timestamp(), _next(span, first).timestamp()
    return Window(first.isoformat(), start, end)


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _clock_window(seconds: int, zone: ZoneInfo, at: int) -> Window:
    """Seconds, minutes and hours are counted on the clock on the wall, whose offset may be half an hour.
    Where the clock itself moves by half an hour, as on Lord Howe Island, an hour ends or begins there."""
    shift = _offset(zone, at)
    start = (at + shift) // seconds * seconds - shift
    end = start + seconds
    if (_offset(zone, start) - shift) % seconds:
        start = _change(zone, start, at)
    if (_offset(zone, end - 1) - shift) % seconds:
        end = _change(zone, at, end - 1)
    return Window(datetime.fromtimestamp(start, zone).isoformat(), start, end)


def _offset(zone: ZoneInfo, at: int) -> int:
    ahead = datetime.fromtimestamp(at, zone).utcoffset()
    assert ahead is not None, "every zone has an offset"
    return round(ahead.total_seconds())


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """The second between the two, or at the later one, from which the clock shows another offset."""
    seconds, was = range(before + 1, after + 1), _offset(zone, before)
    return seconds[bisect_left(seconds, True, key=lambda second: _offset(zone, second) != was)]


def _first_day(span: Span, local: datetime) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match span:
        case Span.DAY:
            return midnight
        case Span.WEEK:
            return midnight - timedelta(days=midnight.weekday())
        case Span.MONTH:
            return midnight.replace(day=1)
    return midnight.replace(month=(midnight.month - 1) // 3 * 3 + 1, day=1)  # A quarter.


def _next(span: Span, first: datetime) -> datetime:
    match span:
        case Span.DAY:
            return first + timedelta(days=1)
        case Span.WEEK:
            return first + timedelta(days=7)
        case Span.MONTH:
            return (first + timedelta(days=32)).replace(day=1)
    return (first + timedelta(days=100)).replace(day=1)  # A quarter has at most 92.
