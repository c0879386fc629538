"""The books of a gateway that several workers will write: all brought up to date while none of them runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.assembly import journal_of, replica_name
from gateway.config.settings import Settings
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.ledger.sqlite import SqliteLedger
from gateway.stores.base import RETIRED
from gateway.stores.sqlite import SqliteStore
from gateway.stores.sqlite_claims import SqliteClaims


@contextmanager
def open_books(settings: Settings) -> Iterator[tuple[int, int]]:
    """Replay every journal of the home and divide its limits anew. No other gateway may have the home until the end.

    Gives how many entries were settled and how many unresolved. Raises OSError, JournalBusy, Unavailable or
    sqlite3.Error.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(Journal(settings.journal, settings.journal_sync_s)) as own:  # Of an earlier run as one process.
        yield asyncio.run(_bring_up_to_date(settings, own))


async def _bring_up_to_date(settings: Settings, own: Journal) -> tuple[int, int]:
    with closing(SqliteLedger(settings.ledger)) as ledger:
        found = [await Mover(own, ledger).recover()]
        for directory in sorted(_journals_of_workers(settings)):
            with closing(Journal(directory, settings.journal_sync_s)) as journal:
                found.append(await Mover(journal, ledger).recover())
        balances = await ledger.all_balances()
    running = {replica_name(settings, number) for number in range(1, settings.server.workers + 1)}
    spent: Counter[tuple[str, str]] = Counter()
    for account, replica, amount in balances:
        spent[account, replica if replica in running else RETIRED] += amount
    if settings.shared is None:  # Else what others have is not ours to write.
        claims = SqliteClaims(settings.state)
        await claims.resume(None)
        await claims.close()
        with closing(SqliteStore(settings.state, exclusive=False)) as store:
            await store.begin((account, replica, amount) for (account, replica), amount in spent.items())
    return sum(settled for settled, _ in found), sum(unresolved for _, unresolved in found)


def _journals_of_workers(settings: Settings) -> list[Path]:
    return [path for path in journal_of(settings, 1).parent.glob("worker-*") if path.is_dir()]
