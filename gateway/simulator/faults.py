r"""What a call asks the simulator to do, in the header `x-sim` or as `[[sim: …]]` in the last user message,
the same in every API.

Words are separated by spaces, each at most once; a header wins over the text:

    fail=500 retry_after=1   answer with this status (400 to 599), with this Retry-After
    fail_first=K             only for the first K calls with this text; the status is `fail`, else 503
    slow_headers=S           say nothing for S seconds, then answer
    hang                     accept and never answer
    garbage                  answer 200 with a page of HTML
    cut=N eof=N              reset, or end cleanly without [DONE], after N tokens
    hang_after=N             fall silent after N tokens
    error_after=N            send an error event after N tokens
    badusage=KIND nousage    report a negative, huge, strings, missing or zero usage; or none
    tokens=N tps=X ttft=MS   length, tokens per second (0: at once) and time to the first token
    seed=N                   another answer
    tool=NAME                call this tool if it is there, until tools have answered; tool=none calls none
    args=JSON                with these arguments; a space in them is written \u0020
    calls=N                  call it N times at once
    filtered                 end as if a filter had cut it

What concerns streams only (`eof`, `error_after`) is ignored elsewhere.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.simulator.errors import RefusedError

BAD_USAGES = ("negative", "huge", "strings", "missing", "zero")
TOKENS_MAX = 1_000_000
SECONDS_MAX = 3600.0
CALLS_MAX = 16
STOPS = ("cut", "eof", "hang_after", "error_after")

_IN_TEXT = re.compile(r"\[\[sim:(.*?)\]\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Orders:
    """The words of one call. None: as the settings say."""

    fail: int | None = None
    retry_after: float | None = None  # Seconds.
    fail_first: int | None = None
    slow_headers: float | None = None  # Seconds.
    hang: bool = False
    garbage: bool = False
    cut: int | None = None
    eof: int | None = None
    hang_after: int | None = None
    error_after: int | None = None
    badusage: str | None = None
    nousage: bool = False
    tokens: int | None = None
    tps: float | None = None
    ttft: float | None = None  # Milliseconds.
    seed: int | None = None
    tool: str | None = None
    args: dict[str, Any] | None = None
    calls: int = 1
    filtered: bool = False

    @property
    def stop(self) -> tuple[str, int] | None:
        """How the answer ends before its time, and after how many tokens."""
        return next(((how, after) for how in STOPS if (after := getattr(self, how)) is not None), None)


def read(header: str | None, text: str) -> Orders:
    """The orders of a call. Raises RefusedError (400) for a word that is not understood."""
    words = _words(" ".join(_IN_TEXT.findall(text))) | _words(header or "")
    if len([how for how in STOPS if how in words]) > 1:
        raise _wrong(f"only one of {', '.join(STOPS)}")
    return Orders(**words)


def _words(text: str) -> dict[str, Any]:
    words: dict[str, Any] = {}
    for word in text.split():
        name, given, value = word.partition("=")
        if name in words:
            raise _wrong(f"{name} is there twice")
        if name not in _VALUES:
            raise _wrong(f"unknown word {name!r}")
        try:
            words[name] = _VALUES[name](value if given else None)
        except (ValueError, TypeError):
            raise _wrong(f"{word!r} has no fitting value") from None
    return words


def _wrong(what: str) -> RefusedError:
    return RefusedError(400, f"sim directive: {what}", code="bad_sim_directive")


def _whole(least: int, most: int) -> Callable[[str | None], int]:
    def value(text: str | None) -> int:
        number = int(text)  # type: ignore[arg-type]  # None raises TypeError, which is what a missing value is.
        if not least <= number <= most:
            raise ValueError(text)
        return number

    return value


def _decimal(most: float) -> Callable[[str | None], float]:
    def value(text: str | None) -> float:
        number = float(text)  # type: ignore[arg-type]  # The same.
        if not (math.isfinite(number) and 0 <= number <= most):
            raise ValueError(text)
        return number

    return value


def _flag(text: str | None) -> bool:
    if text is not None:
        raise ValueError(text)
    return True


def _bad_usage(text: str | None) -> str:
    return BAD_USAGES[0] if text is None else BAD_USAGES[BAD_USAGES.index(text)]


def _name(text: str | None) -> str:
    if not text:
        raise ValueError(text)
    return text


def _object(text: str | None) -> dict[str, Any]:
    found = json.loads(text)  # type: ignore[arg-type]  # The same.
    if not isinstance(found, dict):
        raise TypeError(text)
    return found


_VALUES: dict[str, Callable[[str | None], Any]] = {
    "fail": _whole(400, 599),
    "retry_after": _decimal(SECONDS_MAX),
    "fail_first": _whole(0, TOKENS_MAX),
    "slow_headers": _decimal(SECONDS_MAX),
    "hang": _flag,
    "garbage": _flag,
    **dict.fromkeys(STOPS, _whole(0, TOKENS_MAX)),
    "badusage": _bad_usage,
    "nousage": _flag,
    "tokens": _whole(1, TOKENS_MAX),
    "tps": _decimal(1e9),
    "ttft": _decimal(SECONDS_MAX * 1000),
    "seed": _whole(-(2**63), 2**63),
    "tool": _name,
    "args": _object,
    "calls": _whole(1, CALLS_MAX),
    "filtered": _flag,
}
