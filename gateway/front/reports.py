"""What was spent, and call by call: for whoever may see it, at either port. Read from the ledger, beside its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from gateway.config.moments import moment
from gateway.core.entry import Entry
from gateway.core.errors import BadRequest
from gateway.front.own_key import moment_text
from gateway.journey.receipt import document
from gateway.ledger.reader import DIMENSIONS, Reader
from gateway.ledger.thread import stand_back

PAGE_MAX = 200

READ_AT_ONCE = 4

Reading = Callable[[], AbstractContextManager[Reader]]

R = TypeVar("R")

_threads = ThreadPoolExecutor(READ_AT_ONCE, thread_name_prefix="reports", initializer=stand_back)
"""Of their own: what is read may take long, and whatever else needs a thread is not to wait for it."""

_When = Annotated[str, Meta(max_length=40, description="30d, or a day such as 2026-11-01.")]
_Is = Annotated[str, Meta(max_length=200, description="Only calls of which this is so.")]


class Span(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From when to when."""

    since: _When = "30d"
    until: Annotated[str, Meta(max_length=40, description="Up to, not including; now if left out.")] = ""


class Period(Span, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to sum up."""

    by: Annotated[str, Meta(max_length=200, description="Dimensions with commas between: team,model,day.")] = "model"


class CallsPage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls, newest first."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many at most.")] = 50
    cursor: Annotated[str, Meta(max_length=500, description="`next` of the page before.")] = ""
    since: _When = "30d"
    org: _Is = ""
    team: _Is = ""
    user: _Is = ""
    key: _Is = ""
    asked_model: _Is = ""
    model: _Is = ""
    provider: _Is = ""
    tier: _Is = ""
    deployment: _Is = ""
    outcome: _Is = ""
    cost_status: _Is = ""


class UsageRow(Struct, frozen=True, kw_only=True):
    """Sums over the entries of a period that agree in all dimensions."""

    by: dict[str, str]
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: str | None  # Null where no price is known for any of them.
    unpriced_calls: int
    saved_usd: str


class Usage(Struct, frozen=True, kw_only=True):
    """What was spent in a period, dearest first."""

    since: str
    until: str
    data: list[UsageRow]


class CallTokens(Struct, frozen=True):
    """Tokens of one attempt."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int
    final: bool  # The provider's last word.


class CallLine(Struct, frozen=True):
    """One attempt, or one answer from the cache, in short. Named as in the live events."""

    id: str
    request_id: str
    at: str
    key_id: str
    org: str
    team: str
    user: str
    asked_model: str
    provider: str
    model: str
    tier: str
    deployment: str
    outcome: str
    status: int
    tokens: CallTokens
    cost_usd: str | None  # Null where no price is known.
    cost_status: str
    saved_usd: str
    first_token_ms: int | None
    duration_ms: int
    attempts: list[str]  # What was tried before, in words.


class CallList(Struct, frozen=True, kw_only=True):
    """Some calls, and where the list goes on; null at its end."""

    data: list[CallLine]
    next: str | None


async def usage(reading: Reading, query: Period, now: float, *, team: str = "", key: str = "") -> Usage:
    """Sums, of one team or key alone where one is named. Raises BadRequest or Unavailable."""
    names = query.by.split(",")
    if unknown := [name for name in names if name not in DIMENSIONS]:
        raise BadRequest(f"{unknown[0]!r} is none of {', '.join(DIMENSIONS)}.", "by")
    since, until = told("since", query.since, now), told("until", query.until, now) if query.until else now + 1

    def sums() -> list[UsageRow]:
        with reading() as ledger:
            return [_row(names, row) for row in ledger.usage(names, since, until, team, key)]

    rows = await in_thread(sums)
    return Usage(since=moment_text(since) or "", until=moment_text(until) or "", data=rows)


async def calls(reading: Reading, query: CallsPage, now: float, only: Mapping[str, str]) -> CallList:
    """Calls, newest first. `only`: what must be so of each of them, whatever is asked for. Raises BadRequest or
    Unavailable."""
    asked = {name: value for name in DIMENSIONS if (value := getattr(query, name, ""))}
    if any(asked.get(name, value) != value for name, value in only.items()):
        return CallList(data=[], next=None)
    since, before, count = told("since", query.since, now), _cursor(query.cursor, now), query.limit

    def found() -> list[Entry]:
        with reading() as ledger:
            return list(ledger.newest({**asked, **only}, since, before, count + 1))

    entries = await in_thread(found)
    shown = entries[:count]
    following = f"{shown[-1].at!r}:{shown[-1].id}" if len(entries) > count else None
    return CallList(data=[_line(entry) for entry in shown], next=following)


async def in_thread(read: Callable[[], R]) -> R:
    """What is read from the ledger, by one of the threads for reports. Raises what `read` does."""
    return await asyncio.get_running_loop().run_in_executor(_threads, read)


def told(name: str, text: str, now: float) -> float:
    """A moment that a query names, in Unix seconds. Raises BadRequest."""
    try:
        return moment(text, now)
    except ValueError as error:
        raise BadRequest(str(error), name) from None


def _cursor(text: str, now: float) -> tuple[float, str]:
    """Where a page begins: before this entry. Without one, with what may still arrive."""
    if not text:
        return now + 60, ""
    at, _, name = text.partition(":")
    try:
        return float(at), name
    except ValueError:
        raise BadRequest("cursor is `next` of the page before.", "cursor") from None


def _row(names: list[str], row: Mapping[str, Any]) -> UsageRow:
    figures = {name: value for name, value in row.items() if name not in names}
    return UsageRow(by={name: str(row[name]) for name in names}, **figures)


def _line(entry: Entry) -> CallLine:
    told = document(entry)
    told["tokens"] = CallTokens(**told["tokens"])
    return CallLine(**{name: told[name] for name in CallLine.__struct_fields__})
