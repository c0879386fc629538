"""When a limit's window begins and ends. Pure: the moment is an argument."""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from math import floor, inf
from zoneinfo import ZoneInfo

from gateway.core.limit import Span, Start
from gateway.core.rolling import LABEL

_ENDLESS = {Span.LIFETIME: "always", Span.RUNNING: "always", Span.ROLLING: LABEL}
_SECONDS = {Span.SECOND: 1, Span.MINUTE: 60, Span.HOUR: 3600}
_MONTHS = {Span.MONTH: 1, Span.QUARTER: 3}
MIDNIGHT = Start()


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` (inclusive) to `end` (exclusive), in Unix seconds; `end` is infinite for a lifetime."""

    label: str  # Unique among the windows of one limit: its start in local time.
    start: float
    end: float


def utc_text(at: float) -> str | None:
    """A moment as RFC 3339 in UTC; None if it never comes."""
    return None if at == inf else datetime.fromtimestamp(at, UTC).isoformat()


def window_at(span: Span, timezone: str, at: float, start: Start = MIDNIGHT) -> Window:
    """The window of this span that contains the moment. Days of 23 and 25 hours are as long as they are."""
    if span in _ENDLESS:
        return Window(_ENDLESS[span], 0.0, inf)
    zone, second = _zone(timezone), floor(at)  # A datetime would round up to the next microsecond, or day.
    if span in _SECONDS:
        return _clock_window(_SECONDS[span], zone, second)
    number = _number(span, datetime.fromtimestamp(second, zone).date())
    near = [_start_of(span, start, number + n, zone) for n in range(-2, 3)]  # Samoa has skipped a whole day.
    first = max(found for found in near if found.timestamp() <= second)
    return Window(first.isoformat(), first.timestamp(), min(t for n in near if (t := n.timestamp()) > second))


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


def _start_of(span: Span, start: Start, number: int, zone: ZoneInfo) -> datetime:
    """Where the window of that number begins. What the clocks skip is later, what comes twice is the first."""
    match span:
        case Span.DAY:
            day = date.fromordinal(number)
        case Span.WEEK:
            day = date.fromordinal(number * 7 + 1 + start.day)
        case _:
            year, month = divmod(number * _MONTHS[span], 12)
            day = date(year, month + 1, min(start.day + 1, monthrange(year, month + 1)[1]))
    return datetime.combine(day, time(*divmod(start.minute, 60)), zone)


def _number(span: Span, day: date) -> int:
    """The number of the day, week, month or quarter that contains this day, counted from the year 0."""
    match span:
        case Span.DAY:
            return day.toordinal()
        case Span.WEEK:
            return (day.toordinal() - 1) // 7
    return (day.year * 12 + day.month - 1) // _MONTHS[span]
