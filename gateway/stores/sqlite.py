"""State of one gateway on one machine, in SQLite: keys and leases. No other replica can share it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway.core.errors import Unavailable
from gateway.core.limit import short_window_before
from gateway.stores.base import Ask, Standing, grant

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS key_changes (n INTEGER NOT NULL) STRICT;
INSERT INTO key_changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM key_changes);
CREATE TRIGGER IF NOT EXISTS keys_change AFTER INSERT ON keys BEGIN UPDATE key_changes SET n = n + 1; END;
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
    """Leases in SQLite; see `LeaseStore`. One thread owns the connection.

    There is one replica at a time, so what one under another name has left behind binds nobody: the
    ledger knows what it spent.
    """

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
        query = "SELECT leased, spent FROM leases WHERE record = ? AND replica = ?"
        row = self._database.execute(query, (ask.record, replica)).fetchone()
        now = grant({replica: Standing(*row)} if row else {}, replica, ask)
        row = (ask.record, replica, now.leased, now.spent)
        self._database.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", row)
        return now

    async def sweep(self, before: float) -> int:
        """Drop the records of short windows that began before that Unix time. Returns how many. Raises Unavailable."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._sweep, before)
        except sqlite3.Error as error:
            raise Unavailable("The store of limits does not answer.") from error

    def _sweep(self, before: float) -> int:
        records = [row[0] for row in self._database.execute("SELECT DISTINCT record FROM leases")]
        old = [(record,) for record in records if short_window_before(record, before)]
        self._database.executemany("DELETE FROM leases WHERE record = ?", old)
        return len(old)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._thread.shutdown(wait=True)
        self._database.close()
