"""The books as commands use them: read for a report, or brought up to date and written while no gateway runs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

from gateway.assembly.home import replica_name
from gateway.assembly.ledgers import ledger_reader, open_ledger, recover_workers
from gateway.cli.settings import Unusable
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.core.rolling import record_of
from gateway.ledger.base import LedgerUnfit
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.ledger.reader import Reader
from gateway.stores.base import RETIRED
from gateway.stores.sqlite import SqliteStore
from gateway.stores.sqlite_claims import SqliteClaims


@contextmanager
def reading(settings: Settings) -> Iterator[Reader]:
    """The ledger, for a report. Raises Unusable, also where reading breaks off."""
    if settings.ledger_url is None and not settings.ledger.exists():
        raise Unusable(f"there is no ledger at {settings.ledger} yet: it begins with the first call")
    try:
        with ledger_reader(settings) as reader:
            yield reader
    except (Unavailable, LedgerUnfit) as error:
        where = settings.ledger if settings.ledger_url is None else "its PostgreSQL"
        raise Unusable(f"cannot read the ledger at {where}: {error}") from None


@contextmanager
def open_books(settings: Settings, *, patient: bool = False) -> Iterator[tuple[int, int]]:
    """Replay every journal of the home and divide its limits anew. No other gateway may have the home until the end.
    `patient`: wait for a ledger that is not there.

    Gives how many entries were settled and how many unresolved. Raises OSError, JournalBusy, Unavailable, LedgerUnfit
    or sqlite3.Error.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(Journal(settings.journal, settings.journal_sync_s)) as own:  # Of an earlier run as one process.
        yield asyncio.run(_bring_up_to_date(settings, own, patient=patient))


async def _bring_up_to_date(settings: Settings, own: Journal, *, patient: bool) -> tuple[int, int]:
    with closing(await open_ledger(settings, patient=patient)) as ledger:
        found = (await Mover(own, ledger).recover(), await recover_workers(settings, ledger))
        balances = await ledger.all_balances()
    running = {replica_name(settings, number) for number in range(1, settings.server.workers + 1)}
    now = time.time()
    spent: Counter[tuple[str, str]] = Counter()
    for account, replica, amount in balances:
        if (record := record_of(account, now)) is not None:
            spent[record, replica if replica in running else RETIRED] += amount
    if settings.shared is None:  # Else what others have is not ours to write.
        claims = SqliteClaims(settings.state)
        await claims.resume(None)
        await claims.close()
        with closing(SqliteStore(settings.state, exclusive=False)) as store:
            await store.begin((account, replica, amount) for (account, replica), amount in spent.items())
    return sum(settled for settled, _ in found), sum(unresolved for _, unresolved in found)
