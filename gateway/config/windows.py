"""How windows are written, and where they begin."""

from __future__ import annotations

import re

from gateway.config import units
from gateway.config.problems import did_you_mean, listed
from gateway.config.units import UnreadableError
from gateway.core.limit import Span, Start
from gateway.core.rolling import LABEL

NAMED = tuple(span.value for span in Span if span not in (Span.ROLLING, Span.RUNNING))
ROLLING = rf"^{LABEL} ({units.DURATION[1:-1]})$"
ROLLING_S_MIN, ROLLING_S_MAX = 10, 366 * 86400

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_DATE = r"0?[1-9]|[12][0-9]|3[01]"
START = rf"^(({'|'.join(_DAYS)}|{_DATE})( {_TIME})?|{_TIME})$"

_EXAMPLES = {
    Span.DAY: "of a day must be a time, such as 09:00",
    Span.WEEK: "of a week must be a day, such as sunday or sunday 06:00",
    Span.MONTH: "of a month must be a day from 1 to 31, such as 15 or 15 09:00",
    Span.QUARTER: "of a quarter must be a day of its first month, such as 15 or 15 09:00",
}


def window(value: str) -> str:
    """The window of a limit, as it is written. Raises UnreadableError."""
    if value not in NAMED:
        if not value.startswith(LABEL):
            words = listed((*NAMED, "rolling 30d"))
            raise UnreadableError(f"must be {words}", did_you_mean(value, NAMED))
        _rolling_s(value)
    return value


def span_of(text: str) -> tuple[Span, int]:
    """What `window` has found good, and how many seconds it rolls over."""
    return (Span(text), 0) if text in NAMED else (Span.ROLLING, _rolling_s(text))


def _rolling_s(text: str) -> int:
    found = re.fullmatch(ROLLING, text)
    if found is None:
        raise UnreadableError("must be rolling and a duration, such as rolling 30d, rolling 5h or rolling 10m")
    seconds = units.duration_or_zero(found[1])
    if not ROLLING_S_MIN <= seconds <= ROLLING_S_MAX or seconds % 1:
        raise UnreadableError("must roll over whole seconds, 10s to 366d, such as rolling 30d")
    return int(seconds)


def start_text(value: object) -> str:
    """Where windows begin, as it is written; a day of the month is a number, too. Raises UnreadableError."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(START, text):
        raise UnreadableError("must be a time, a day, or both, such as 09:00, sunday, 15 or 15 09:00")
    return text


def start_of(span: Span, text: str) -> Start:
    """The same for windows of this span. Raises UnreadableError where it is not for them."""
    if span not in _EXAMPLES:
        raise UnreadableError("is for windows of a day, week, month or quarter", "leave it out")
    day, _, time = text.rpartition(" ") if ":" in text else (text, "", "00:00")
    hours, minutes = time.split(":")
    minute = int(hours) * 60 + int(minutes)
    if span is Span.DAY and not day:
        return Start(0, minute)
    if span is Span.WEEK and day in _DAYS:
        return Start(_DAYS.index(day), minute)
    if span in (Span.MONTH, Span.QUARTER) and day.isdecimal():
        return Start(int(day) - 1, minute)
    raise UnreadableError(_EXAMPLES[span])
