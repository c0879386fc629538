"""The ledger that settings name: opened by a gateway or a command, or read for a report."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractContextManager, closing, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING

from gateway.assembly.home import replica_name
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.ledger import sqlite
from gateway.ledger.base import Ledger, LedgerUnfit
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.ledger.reader import Reader

if TYPE_CHECKING:
    from gateway.ledger.postgres import PostgresLedger

LEDGER_RETRY_S = 1.0
"""How long a gateway that starts waits before it asks again for a ledger that is not there."""

log = logging.getLogger("fareway.ledger")


async def open_ledger(settings: Settings, replica: str | None = None, *, patient: bool = False) -> Ledger:
    """The ledger, for a command. `replica`: whose balances are told; None for those of all. `patient`: wait until it is
    there. Raises Unavailable or LedgerUnfit."""
    if settings.ledger_url is None:
        return sqlite.SqliteLedger(settings.ledger, replica)
    ledger = _postgres(settings.ledger_url, replica, None, command=True)
    await _opened(ledger, patient=patient)
    return ledger


async def gateway_ledger(settings: Settings, replica: str | None) -> Ledger:
    """The same for a gateway. Without it nobody knows what is left of a limit: so it waits until it is there. Raises
    Unavailable or LedgerUnfit."""
    if settings.ledger_url is None:
        return sqlite.SqliteLedger(settings.ledger, replica)
    home = replica_name(settings, None) if settings.shared is None else None
    ledger = _postgres(settings.ledger_url, replica, home)
    await _opened(ledger, patient=True)
    return ledger


async def recover_workers(settings: Settings, ledger: Ledger) -> tuple[int, int]:
    """Move what workers that run no more have left in their journals: how many entries were settled, and how many
    unresolved. Raises OSError, JournalBusy or Unavailable."""
    settled = unresolved = 0
    for directory in sorted(path for path in settings.journal.glob("worker-*") if path.is_dir()):
        with closing(Journal(directory, settings.journal_sync_s)) as journal:
            found = await Mover(journal, ledger).recover()
        settled, unresolved = settled + found[0], unresolved + found[1]
    return settled, unresolved


def ledger_reader(settings: Settings) -> AbstractContextManager[Reader]:
    """The ledger for reports, gateways running or not. Raises Unavailable or LedgerUnfit."""
    if settings.ledger_url is None:
        return sqlite.reading(settings.ledger)
    _has_driver()
    from gateway.ledger import postgres  # noqa: PLC0415 - an extra, and only here

    return postgres.reading(settings.ledger_url)


def unwritten_ledger(settings: Settings) -> AbstractContextManager[None]:
    """While no gateway, on whichever machine, writes to the ledger. Raises Unavailable or LedgerUnfit."""
    if settings.ledger_url is None:
        return nullcontext()  # Its home's journal is lock enough.
    _has_driver()
    from gateway.ledger import postgres  # noqa: PLC0415 - an extra, and only here

    return postgres.unwritten(settings.ledger_url)


def _postgres(url: str, replica: str | None, home: str | None, *, command: bool = False) -> PostgresLedger:
    _has_driver()
    from gateway.ledger.postgres import PostgresLedger  # noqa: PLC0415 - an extra, and only here

    return PostgresLedger(url, replica, home, command=command)


def _has_driver() -> None:
    if find_spec("psycopg") is None:
        raise LedgerUnfit("a ledger in PostgreSQL needs more packages: pip install 'fareway[postgres]'")


async def _opened(ledger: PostgresLedger, *, patient: bool) -> None:
    told = False
    try:
        while True:
            try:
                return await ledger.open()
            except Unavailable as error:
                if not patient:
                    raise
                if not told:
                    log.warning("%s Nothing is served before it does.", error)
                told = True
                await asyncio.sleep(LEDGER_RETRY_S)
    except BaseException:
        ledger.close()
        raise
