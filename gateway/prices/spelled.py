"""How people write prices: '0.10/M', '10/K', '0.03/each', '0.006/minute', '01:00-04:00', 'mon-fri'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from gateway.core.money import PICOS_PER_DOLLAR
from gateway.prices.dated import ALL_DAYS, DAY
from gateway.prices.feed import DEAREST
from gateway.prices.rates import PER_HOUR_IN_MS, PER_MILLION_TOKENS, PER_THOUSAND, picos

TOKENS: Final = {"M": PER_MILLION_TOKENS}
COUNTS: Final = {"K": PER_THOUSAND, "each": Fraction(PICOS_PER_DOLLAR)}
LENGTHS: Final = {"hour": PER_HOUR_IN_MS, "minute": PER_HOUR_IN_MS * 60, "second": PER_HOUR_IN_MS * 3600}
EXAMPLES: Mapping[str, str] = {"M": "0.10/M", "K": "5/K", "hour": "0.36/hour"}

RATES: Mapping[str, tuple[str, Mapping[str, Fraction]]] = {
    "input": ("input", TOKENS),
    "cache_read": ("cache_read", TOKENS),
    "cache_write": ("cache_write", TOKENS),
    "cache_write_1h": ("cache_write_1h", TOKENS),
    "cache_write_12h": ("cache_write_12h", TOKENS),
    "output": ("output", TOKENS),
    "reasoning": ("output_reasoning", TOKENS),
    "audio_input": ("input_audio", TOKENS),
    "audio_output": ("output_audio", TOKENS),
    "image_input": ("input_image", TOKENS),
    "image_output": ("output_image", TOKENS),
    "video_input": ("input_video", TOKENS),
    "request": ("request", COUNTS),
    "web_search": ("web_searches", COUNTS),
    "file_search": ("file_searches", COUNTS),
    "x_search": ("x_searches", COUNTS),
    "map_search": ("map_searches", COUNTS),
    "code_session": ("code_sessions", COUNTS),
    "search_unit": ("search_units", COUNTS),
    "image": ("images", COUNTS),
    "page": ("pages", COUNTS),
    "characters": ("characters", TOKENS),
    "audio": ("audio_ms", LENGTHS),
}
"""Keys of a price, the names in core that they set, and for how many or how long one may write it."""

MINIMUM = "audio_minimum"
"""The key of the least length that is charged."""

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_AMOUNT = r"\d{1,9}(?:\.\d{1,12})?"
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


def pattern(key: str) -> str:
    """The regular expression of a rate, for editors."""
    return f"^{_AMOUNT}/({'|'.join(RATES[key][1])})$"


def amount(value: object, key: str) -> int:
    """Pico-dollars of one. A length is counted in milliseconds, whose rate is rounded up; no other is ever rounded.

    Raises ValueError with what is wrong.
    """
    units = RATES[key][1]
    found = re.fullmatch(f"({_AMOUNT})/({'|'.join(units)})", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"must be US dollars such as '{EXAMPLES[next(iter(units))]}', not {value!r}")
    dollars, per = Decimal(found[1]), units[found[2]]
    if dollars > DEAREST:
        raise ValueError(f"is more than {DEAREST} dollars: {value}")
    rate = picos(dollars, per)
    if units is not LENGTHS and rate != Fraction(dollars) * per:
        raise ValueError(f"is finer than a pico-dollar: {value}")
    return rate


def seconds(value: object) -> int:
    """Milliseconds from '10s'. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,5})s", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"must be seconds such as '10s', not {value!r}")
    return int(found[1]) * 1000


def spans(value: object) -> tuple[tuple[int, int], ...]:
    """Seconds since midnight from '01:00-04:00, 06:00-10:00', in UTC. Raises ValueError."""
    return tuple(_span(part) for part in _parts(value))


def days(value: object) -> tuple[int, ...]:
    """Days of the week from 'mon-fri, sun'; 0 is Monday. Raises ValueError."""
    return tuple(sorted({day for part in _parts(value) for day in _days(part)}))


def _parts(value: object) -> list[str]:
    """What commas separate. What is no text has no such part, and its reader says what it should be."""
    return [part.strip().lower() for part in str(value).split(",")]


def _span(text: str) -> tuple[int, int]:
    """Seconds since midnight; the end may be 24:00, or lie on the next day."""
    start, _, end = (part.strip() for part in text.partition("-"))
    begins, ends = _CLOCK.fullmatch(start), _CLOCK.fullmatch(end)
    if begins is None or ends is None:
        raise ValueError(f"must be hours such as '01:00-04:00', not {text!r}")
    first, last = (int(found[1]) * 3600 + int(found[2]) * 60 for found in (begins, ends))
    if first >= DAY or last > DAY or first == last:
        raise ValueError(f"has no such hours: {text!r}")
    return first, last


def _days(text: str) -> tuple[int, ...]:
    """0 is Monday. A range may go over the weekend."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    if first not in WEEK or (dash and last not in WEEK):
        raise ValueError(f"must be days such as 'mon-fri', not {text!r}")
    start, end = WEEK.index(first), WEEK.index(last if dash else first)
    return tuple(day % len(ALL_DAYS) for day in range(start, end + 1 if end >= start else end + 1 + len(ALL_DAYS)))
