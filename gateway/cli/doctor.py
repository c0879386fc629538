"""`fareway doctor`: whether this home can work, and how well it knows what calls will come to."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gateway.assembly.home import lost
from gateway.assembly.stores import kept_pepper, shared_leases
from gateway.cli.books import reading
from gateway.cli.settings import Unusable, settings
from gateway.cli.surroundings import Row, State, machine, reached, row
from gateway.cli.table import FORMATS, print_rows
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.prices.bundled import header
from gateway.stores.clock import TOLD_FROM_S
from gateway.stores.sqlite_registry import keys_in
from gateway.tokens.calibration import BOUND_SAMPLES_MIN
from gateway.tokens.kept import learned_in, load

PRICES_OLD_DAYS = 90

_COLUMNS = ("check", "state", "found", "do")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "doctor",
        parents=[common],
        help="look over the configuration, the machine, the books, the prices and whether providers can be reached",
    )
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    parser.set_defaults(run=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    found = settings(parsed)
    own = [*_basics(found, time.time()), *machine(found.home, found.journal), *_store(found.shared)]
    rows = [
        *own,
        *_lost(found),
        *_state(found),
        *_ledger(found),
        *reached(found.providers.values()),
        *_learned(found.home),
    ]
    print_rows(rows, _COLUMNS, parsed.format)
    return 1 if any(row["state"] is State.FAIL for row in rows) else 0


def _basics(found: Settings, now: float) -> Iterator[Row]:
    yield row("configuration", State.OK, ", ".join(found.providers) or "no provider: the simulator will answer")
    for line in found.left_alone:
        yield row("environment", State.WARN, line, "put the provider's own key there, if it is wanted")
    home = next(path for path in (found.home, *found.home.parents) if path.exists())
    writable = home.is_dir() and os.access(home, os.W_OK)
    told = str(found.home) + ("" if writable else ", which cannot be written to")
    yield row("home", State.OK if writable else State.FAIL, told, "give it to the user that the gateway runs as")
    days = (datetime.fromtimestamp(now, UTC).date() - date.fromisoformat(header().date)).days
    fed = found.prices.feed_url is not None
    yield row(
        "prices",
        State.OK if fed or days <= PRICES_OLD_DAYS else State.WARN,
        f"bundled {days} days ago, {'fed live' if fed else 'no feed'}",
        "update fareway, or set prices.feed",
    )


def _store(shared: str | None) -> Iterator[Row]:
    """Whether the store that gateways share can be used, and how far its clock is from ours."""
    if shared is None:
        return
    begun = time.perf_counter()
    try:
        ahead = asyncio.run(_clock_ahead(shared))
    except Unavailable as error:
        yield row("store", State.FAIL, str(error), "look at state in the configuration, and at the server it names")
        return
    yield row("store", State.OK, f"answers, connecting included, in {time.perf_counter() - begun:.3f} s")
    found = f"{abs(ahead):.3f} s {'behind' if ahead > 0 else 'ahead of'} the store's, by which windows go"
    yield row("clock", State.OK if abs(ahead) <= TOLD_FROM_S else State.FAIL, found, "let both follow NTP")


async def _clock_ahead(shared: str) -> float:
    async with shared_leases(shared) as store:
        await store.learn_time()
        return store.clock.offset_s


def _lost(found: Settings) -> Iterator[Row]:
    """What is told at a start of a home in which a gateway has run."""
    try:
        for loss in lost(found):
            yield row("books", State.WARN, loss, "put it back from a backup before the next start, or begin anew")
    except Unavailable as error:
        yield row("books", State.FAIL, str(error), "the gateway does not start before that")


def _begun(books: Path) -> bool:
    """Whether something was written yet. Where it was and is gone, `_lost` says so."""
    return books.exists() and books.stat().st_size > 0


def _state(found: Settings) -> Iterator[Row]:
    """Whether keys and limits can be read, and keys be checked. The file begins with the first one."""
    if found.shared is not None or not _begun(found.state):
        return
    try:
        if keys := keys_in(found.state):
            kept_pepper(found)
        yield row("state", State.OK, f"{keys} keys in {found.state}")
    except Unavailable as error:
        yield row("state", State.FAIL, str(error), "let the gateway's own user run this, or put it back from a backup")


def _ledger(found: Settings) -> Iterator[Row]:
    """Whether it can be read, in a form that this version knows. A file begins with the first call."""
    if found.ledger_url is None and not _begun(found.ledger):
        return
    where = "PostgreSQL answers" if found.ledger_url is not None else f"{found.ledger} is read"
    try:
        with reading(found) as ledger:
            ledger.called(time.time())
        yield row("ledger", State.OK, where)
    except Unusable as error:
        yield row("ledger", State.FAIL, str(error), "look at ledger in the configuration")


def _learned(home: Path) -> Iterator[Row]:
    """A line for each process's knowledge of each model. A large error is no fault: only a wide hold."""
    for path in learned_in(home):
        for model, kinds in load(path).items():
            for kind, ratios in kinds.items():
                bound = "bound in use" if ratios.samples >= BOUND_SAMPLES_MIN else "bound by bytes"
                said = f"off by {ratios.error:.1%} over {ratios.samples} calls, {bound}"
                yield row(f"{path.stem} {model} {kind}", State.OK, said)
