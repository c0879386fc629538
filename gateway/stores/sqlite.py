"""State of one gateway on one machine, in SQLite: keys and leases. No other replica can share it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.core.errors import Unavailable
from gateway.stores.base import Ask, Standing, grant

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    record TEXT NOT NULL, replica TEXT NOT NULL, leased INTEGER NOT NULL, spent INTEGER NOT NULL,
    PRIMARY KEY (record, replica)
) STRICT, WITHOUT ROWID;
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open, and create what is missing. Raises sqlite3.Error."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(_SCHEMA)
    return database


class SqliteStore:
    """Leases in SQLite; see `LeaseStore`. One thread owns the connection."""

    exclusive = True

    def __init__(self, path: Path) -> None:
        self._database = connect(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Standing]:
        """See `LeaseStore.exchange`."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._exchange, replica, asks)
        except sqlite3.Error as error:
            raise Unavailable("The store of limits does not answer.") from error

    def _exchange(self, replica: str, asks: Sequence[Ask]) -> list[Standing]:
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            standings = [self._grant(replica, ask) for ask in asks]
            database.execute("COMMIT")
        except BaseException:
            database.rollback()  # Does nothing where SQLite has rolled back by itself.
            raise
        return standings

    def _grant(self, replica: str, ask: Ask) -> Standing:
        rows = self._database.execute("SELECT replica, leased, spent FROM leases WHERE record = ?", (ask.record,))
        record = {name: Standing(leased, spent) for name, leased, spent in rows}
        now = grant(record, replica, ask)
        row = (ask.record, replica, now.leased, now.spent)
        self._database.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", row)
        return now

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._thread.shutdown(wait=True)
        self._database.close()
