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

from gateway.assembly.stores import shared_leases
from gateway.cli.books import reading
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.prices.bundled import header
from gateway.stores.clock import TOLD_FROM_S
from gateway.tokens.calibration import BOUND_SAMPLES_MIN
from gateway.tokens.kept import learned_in, load

PRICES_OLD_DAYS = 90

_COLUMNS = ("check", "ok", "found")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "doctor", parents=[common], help="look over the configuration, the home and the prices"
    )
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(run=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    found = settings(parsed)
    rows = [*_basics(found, time.time()), *_store(found.shared), *_ledger(found), *_learned(found.home)]
    print_rows(rows, _COLUMNS, parsed.format)
    return 0 if all(row["ok"] for row in rows) else 1


def _basics(found: Settings, now: float) -> Iterator[dict[str, object]]:
    yield _row("configuration", ok=True, found=", ".join(found.providers) or "no provider: the simulator will answer")
    home = next(path for path in (found.home, *found.home.parents) if path.exists())
    writable = home.is_dir() and os.access(home, os.W_OK)
    yield _row("home", ok=writable, found=str(found.home) + ("" if writable else ", which cannot be written to"))
    days = (datetime.fromtimestamp(now, UTC).date() - date.fromisoformat(header().date)).days
    fed = found.prices.feed_url is not None
    yield _row(
        "prices",
        ok=fed or days <= PRICES_OLD_DAYS,
        found=f"bundled {days} days ago, {'fed live' if fed else 'no feed'}",
    )


def _store(shared: str | None) -> Iterator[dict[str, object]]:
    """Whether the store that gateways share can be used, and how far its clock is from ours."""
    if shared is None:
        return
    begun = time.perf_counter()
    try:
        ahead = asyncio.run(_clock_ahead(shared))
    except Unavailable as error:
        yield _row("store", ok=False, found=str(error))
        return
    yield _row("store", ok=True, found=f"answers, connecting included, in {time.perf_counter() - begun:.3f} s")
    found = f"{abs(ahead):.3f} s {'behind' if ahead > 0 else 'ahead of'} the store's, by which windows go"
    yield _row("clock", ok=abs(ahead) <= TOLD_FROM_S, found=found)


async def _clock_ahead(shared: str) -> float:
    async with shared_leases(shared) as store:
        await store.learn_time()
        return store.clock.offset_s


def _ledger(found: Settings) -> Iterator[dict[str, object]]:
    """A line where it is not a file of the home."""
    if found.ledger_url is None:
        return
    try:
        with reading(found) as ledger:
            ledger.called(time.time())
        yield _row("ledger", ok=True, found="PostgreSQL answers")
    except Unusable as error:
        yield _row("ledger", ok=False, found=str(error))


def _learned(home: Path) -> Iterator[dict[str, object]]:
    """A line for each process's knowledge of each model. A large error is no fault: only a wide hold."""
    for path in learned_in(home):
        for model, kinds in load(path).items():
            for kind, ratios in kinds.items():
                bound = "bound in use" if ratios.samples >= BOUND_SAMPLES_MIN else "bound by bytes"
                said = f"off by {ratios.error:.1%} over {ratios.samples} calls, {bound}"
                yield _row(f"{path.stem} {model} {kind}", ok=True, found=said)


def _row(check: str, *, ok: bool, found: str) -> dict[str, object]:
    return {"check": check, "ok": ok, "found": found}
