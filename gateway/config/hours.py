"""The hours of a week in which a machine runs, as people write them: mon-fri 08:00-20:00 Europe/Zurich."""

from __future__ import annotations

import re
from collections.abc import Iterable
from zoneinfo import ZoneInfo, available_timezones

from gateway.config.problems import did_you_mean
from gateway.config.units import UnreadableError
from gateway.fleet.rate import Week

EXAMPLE = "mon-fri 08:00-20:00, sat 10:00-14:00 Europe/Zurich"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"(?:{'|'.join(_DAYS)})"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_PART = re.compile(rf"(?:({_DAY})(?:-({_DAY}))?|daily) ({_TIME})-({_TIME}|24:00)")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES


def week(value: object) -> Week:
    """Days and hours, several with commas between, and a time zone; UTC without one. Hours that end before they begin
    end on the next day. Raises UnreadableError."""
    text = value if isinstance(value, str) else ""
    hours, _, zone = text.rpartition(" ")
    if re.match(r"[0-9]", zone):
        hours, zone = text, "UTC"
    spans = [span for part in hours.split(",") for span in _spans(part.strip())]
    return Week(timezone(zone), _joined(spans))


def timezone(value: str) -> str:
    """A name from the IANA's list. Raises UnreadableError."""
    try:
        ZoneInfo(value)
    except (OSError, LookupError, ValueError):
        hint = did_you_mean(value, available_timezones())
        raise UnreadableError("must be a time zone by its IANA name, such as Europe/Zurich", hint) from None
    return value


def _spans(part: str) -> Iterable[tuple[int, int]]:
    found = _PART.fullmatch(part)
    if found is None:
        raise UnreadableError(f"must be days, hours and a time zone, such as {EXAMPLE}", did_you_mean(part[:3], _DAYS))
    first = _DAYS.index(found[1]) if found[1] else 0
    last = _DAYS.index(found[2] or found[1]) if found[1] else 6
    start, end = _minutes(found[3]), _minutes(found[4])
    length = (end - start) % _DAY_MINUTES or _DAY_MINUTES
    for day in range(first, last + 1 + (7 if last < first else 0)):
        begins = day % 7 * _DAY_MINUTES + start
        yield begins, min(begins + length, _WEEK_MINUTES)
        if begins + length > _WEEK_MINUTES:
            yield 0, begins + length - _WEEK_MINUTES


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Ascending and apart."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return tuple(joined)
