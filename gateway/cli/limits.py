"""`fareway limits events | replicas | resolve`: what was told of limits, and who has leased how much of shared ones."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from gateway.assembly.home import journal_of, worker_number
from gateway.assembly.ledgers import open_ledger
from gateway.assembly.stores import claim_store, shared_leases
from gateway.cli import rules
from gateway.cli.kept import anything
from gateway.cli.settings import Unusable, settings_of_books
from gateway.cli.table import FORMATS, print_rows
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.core.limit import Unit, account_unit
from gateway.core.threshold import Passed
from gateway.ledger.base import LedgerUnfit
from gateway.ledger.disk import JournalBusy
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.mover import Mover
from gateway.limits.booked import spent_on
from gateway.stores.base import Standing
from gateway.stores.sqlite import SqliteStore

SILENT_S_MIN = 10.0
"""A replica that spoke more lately lives, for it speaks five times a second; and its lease is its own."""

_EVENT_COLUMNS = ("at", "node", "window", "threshold", "spent", "amount", "resets_at")
_COLUMNS = ("replica", "seen_s_ago", "records", "idle_records")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("limits", help="limits: list, set, unset, events; of shared ones: replicas, resolve")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    rules.add_to(verbs, common)
    listing = verbs.add_parser("replicas", parents=[common], help="every gateway that has leased anything")
    listing.add_argument("--format", choices=FORMATS, default="table")
    listing.set_defaults(run=_replicas)
    telling = verbs.add_parser("events", parents=[common], help="which thresholds of limits were passed (`alert`)")
    telling.add_argument("--format", choices=FORMATS, default="table")
    telling.set_defaults(run=_events)
    ending = verbs.add_parser(
        "resolve", parents=[common], help="free the lease of a gateway that will not come back, or an Idempotency-Key"
    )
    ending.add_argument(
        "replica",
        help="its name, as `fareway limits replicas` shows it; or the id of a request that broke down (req_…): its "
        "Idempotency-Key may then be used anew, at the risk of paying twice",
    )
    ending.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="its home, if that is left, whose books (journal, ledger.db) tell what it spent; else what it last told "
        "it spent and held counts",
    )
    ending.set_defaults(run=_resolve)


def _events(parsed: argparse.Namespace) -> int:
    rows = [msgspec.to_builtins(event) for event in _asked(_told(parsed))]
    print_rows([row | {"threshold": f"{row['percent']}%"} for row in rows], _EVENT_COLUMNS, parsed.format)
    return 0


async def _told(parsed: argparse.Namespace) -> list[Passed]:
    found = settings_of_books(parsed)
    if found.shared is not None:
        async with shared_leases(found.shared) as store:
            return await store.told()
    if not anything(found):
        return []
    with closing(SqliteStore(found.state)) as state:
        return await state.told()


def _replicas(parsed: argparse.Namespace) -> int:
    print_rows(_asked(_list(parsed)), _COLUMNS, parsed.format)
    return 0


def _resolve(parsed: argparse.Namespace) -> int:
    if parsed.replica.startswith("req_"):
        _asked(_resolve_key(parsed))
        print(f"resolved {parsed.replica}: its Idempotency-Key is free")
        return 0
    freed = _asked(_resolved(parsed))
    print(f"resolved {parsed.replica}: {freed} records")
    return 0


def _asked(work: Any) -> Any:
    try:
        return asyncio.run(work)
    except Unavailable as error:
        raise Unusable(str(error)) from None


async def _list(parsed: argparse.Namespace) -> list[dict[str, object]]:
    async with shared_leases(_shared(parsed)) as store:
        rows: list[dict[str, object]] = []
        for name, ago in sorted((await store.seen()).items()):
            standings = await store.standings(name)
            idle = sum(s.leased > s.spent for s in standings.values())
            rows.append({"replica": name, "seen_s_ago": round(ago, 1), "records": len(standings), "idle_records": idle})
        return rows


async def _resolve_key(parsed: argparse.Namespace) -> None:
    claims = claim_store(settings_of_books(parsed))
    try:
        if not await claims.resolve(parsed.replica):
            raise Unusable(f"{parsed.replica} is no call with an Idempotency-Key that broke down less than a day ago")
    finally:
        await claims.close()


async def _resolved(parsed: argparse.Namespace) -> int:
    async with shared_leases(_shared(parsed)) as store:
        ago = (await store.seen()).get(parsed.replica)
        if ago is None:
            raise Unusable(f"there is no replica {parsed.replica!r}; `fareway limits replicas` shows all")
        if ago < SILENT_S_MIN:
            raise Unusable(f"{parsed.replica} spoke {ago:.1f} s ago: stop it first")
        standings = await store.standings(parsed.replica)
        # Without its books nobody knows what became of its calls.
        spent = {name: standing.spent + _held(name, standing) for name, standing in standings.items()}
        if parsed.home is not None:
            spent = await _by_its_books(settings_of_books(parsed), parsed.home, parsed.replica, standings)
        await store.resume(parsed.replica, spent)
        claims = claim_store(settings_of_books(parsed))
        await claims.resume(parsed.replica)
        await claims.close()
        return len(spent)


def _held(record: str, standing: Standing) -> int:
    """What its calls held may be spent; but they are over, and count as calls no more. What it took in its last fifth
    of a second it may not have told."""
    return 0 if account_unit(record) == Unit.CONCURRENT else standing.held


async def _by_its_books(found: Settings, home: Path, replica: str, standings: Mapping[str, Standing]) -> dict[str, int]:
    """What it spent, with what its journal still holds: where that tells of no call, all that was held counts as well.
    Where the ledger is a file, it is that of its home."""
    left = replace(found, home=home, journal=home / "journal", ledger=home / "ledger.db")
    folder = journal_of(left, worker_number(replica) or None)
    try:
        _is_left(left, folder, replica)
        with closing(Journal(folder, SYNC_NEVER)) as journal, closing(await open_ledger(left, replica)) as ledger:
            replayed = any(await Mover(journal, ledger).recover())
            known = await spent_on(list(standings), ledger.balances, time.time())
    except (OSError, JournalBusy, LedgerUnfit) as error:
        raise Unusable(f"the books in {home} cannot be read: {error}") from None
    return {
        name: max(known[name], standing.spent) + (0 if replayed else _held(name, standing))
        for name, standing in standings.items()
    }


def _is_left(left: Settings, journal: Path, replica: str) -> None:
    """Raises OSError where these are not its books: others would say that it has spent nothing."""
    name = (left.home / "replica").read_text().strip()
    if name != replica.partition(".")[0]:
        raise OSError(f"it is the home of {name}")
    for path in (journal, left.ledger) if left.ledger_url is None else (journal,):
        path.stat()


def _shared(parsed: argparse.Namespace) -> str:
    found = settings_of_books(parsed)
    if found.shared is None:
        alone = "so there are no replicas, and `limits resolve` takes the id of a call (req_…) alone"
        raise Unusable(f"limits are not shared here: state is no redis:// address, {alone}")
    return found.shared
