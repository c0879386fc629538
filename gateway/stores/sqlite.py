"""State of one gateway on one machine, in SQLite: its registry, and the leases of its workers."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec

from gateway.core.errors import Unavailable
from gateway.core.limit import ended_before
from gateway.core.threshold import Passed
from gateway.stores.base import TURN_BITS, Ask, Standing, Word, counting, grant, in_order, left_behind, word
from gateway.stores.closed import closed_to_others

P = ParamSpec("P")
R = TypeVar("R")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS key_changes (n INTEGER NOT NULL) STRICT;
INSERT INTO key_changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM key_changes);
DROP TRIGGER IF EXISTS keys_change; -- Of an earlier version: every write counts now.
CREATE TABLE IF NOT EXISTS orgs (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS teams (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rules (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS batches (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended_jobs (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cache (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS drains (id TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (n INTEGER PRIMARY KEY AUTOINCREMENT, note BLOB NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'only added to'); END;
CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'only added to'); END;
DROP TABLE IF EXISTS leases; -- Of an earlier version: what it said is in the ledger.
CREATE TABLE IF NOT EXISTS standings (
    record TEXT NOT NULL, replica TEXT NOT NULL, leased INTEGER NOT NULL, spent INTEGER NOT NULL,
    held INTEGER NOT NULL, short INTEGER NOT NULL, turn INTEGER NOT NULL, PRIMARY KEY (record, replica)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS thresholds (
    name TEXT PRIMARY KEY, kept_until REAL, event BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS standings_of_one ON standings (replica);
CREATE INDEX IF NOT EXISTS standings_short ON standings (record) WHERE short > 0;
"""

_RESUMED = "DELETE FROM standings WHERE replica = ?1 AND NOT (0 < ?2 AND ?2 <= turn AND ?2 >> ?3 = turn >> ?3)"
"""Its numbers: the replica, the turn and TURN_BITS. See `heard_more`."""


def connect(path: Path) -> sqlite3.Connection:
    """Open it for its owner alone, and create what is missing. Raises Unavailable, which says what is wrong with
    which file."""
    try:
        closed_to_others(path)
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(_SCHEMA)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"{path} cannot be opened: {error}") from error
    return database


class SqliteStore:
    """Leases in SQLite; see `LeaseStore`. One thread owns the connection.

    `exclusive`: there is one replica at a time, so what one under another name has left behind binds
    nobody; the ledger knows what it spent. Else several processes share the file, whose lock makes
    every exchange atomic and which the death of none of them can leave half written.
    """

    def __init__(self, path: Path, *, exclusive: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.exclusive = exclusive
        self._clock = clock
        self.epoch = 0  # A file does not forget.
        self._database = connect(path)
        self._database.execute("PRAGMA synchronous = NORMAL")  # After a power cut the ledger tells it all anew.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Word]:
        """See `LeaseStore.exchange`."""
        return await self._run(self._exchange, replica, asks)

    async def wanted(self, replica: str) -> set[str]:
        """See `LeaseStore.wanted`."""
        return await self._run(self._wanted, replica)

    async def records(self, replica: str) -> list[str]:
        """See `LeaseStore.records`."""
        return await self._run(self._records, replica)

    async def resume(self, replica: str, spent: Mapping[str, int], turn: int = 0) -> None:
        """See `LeaseStore.resume`."""
        rows = [(record, replica, amount, turn) for record, amount in spent.items()]
        await self._run(self._replace, _RESUMED, (replica, turn, TURN_BITS), rows)

    async def learn_time(self) -> None:
        """See `LeaseStore.learn_time`. A file has none."""

    async def begin(self, balances: Iterable[tuple[str, str, int]]) -> None:
        """No replica runs: what each has spent, as (record, replica, amount), is all that there is. Raises
        Unavailable."""
        await self._run(self._replace, "DELETE FROM standings", (), [(*row, 0) for row in balances])

    async def claim(self, events: Sequence[Passed]) -> list[Passed]:
        """See `PassedThresholds.claim`."""
        return await self._run(self._claim, events)

    async def told(self) -> list[Passed]:
        """See `PassedThresholds.told`."""
        return await self._run(self._told)

    async def sweep(self, before: float) -> int:
        """Drop the records of windows that had ended by that Unix time, and what was told long ago. Returns how many
        records. Raises Unavailable."""
        return await self._run(self._sweep, before)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._thread.shutdown(wait=True)
        self._database.close()

    async def _run(self, function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        call = partial(function, *args, **named)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except sqlite3.Error as error:
            raise Unavailable("The store of limits does not answer.") from error

    def _exchange(self, replica: str, asks: Sequence[Ask]) -> list[Word]:
        with transaction(self._database):
            return [self._grant(replica, ask) for ask in asks]

    def _grant(self, replica: str, ask: Ask) -> Word:
        query = "SELECT replica, leased, spent, held, short, turn FROM standings WHERE record = ?"
        rows = self._database.execute(query, (ask.record,))
        all_of_it = {name: Standing(*row) for name, *row in rows if name == replica or not self.exclusive}
        record = counting(all_of_it, self._clock())
        now = record[replica] = grant(record, replica, ask)
        row = (ask.record, replica, now.leased, now.spent, now.held, now.short, now.turn)
        self._database.execute("INSERT OR REPLACE INTO standings VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return word(record, replica)

    def _wanted(self, replica: str) -> set[str]:
        query = (
            "SELECT theirs.record FROM standings theirs JOIN standings ours USING (record)"
            " WHERE theirs.short > 0 AND theirs.replica <> ?1 AND ours.replica = ?1 AND ours.leased > ours.spent"
        )
        return {row[0] for row in self._database.execute(query, (replica,))}

    def _records(self, replica: str) -> list[str]:
        query = "SELECT record FROM standings WHERE replica = ?"
        return [row[0] for row in self._database.execute(query, (replica,))]

    def _replace(self, delete: str, which: tuple[str | int, ...], spent: list[tuple[str, str, int, int]]) -> None:
        now = self._clock()
        with transaction(self._database) as database:
            database.execute(delete, which)
            found = [(record, name, left_behind(record, amount, now, turn)) for record, name, amount, turn in spent]
            rows = [(record, replica, s.leased, s.spent, s.turn) for record, replica, s in found]
            database.executemany("INSERT INTO standings VALUES (?, ?, ?, ?, 0, 0, ?) ON CONFLICT DO NOTHING", rows)

    def _claim(self, events: Sequence[Passed]) -> list[Passed]:
        query = "INSERT INTO thresholds VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
        with transaction(self._database) as database:
            rows = ((event, (event.name, event.kept_until, msgspec.json.encode(event))) for event in events)
            return [event for event, row in rows if database.execute(query, row).rowcount]

    def _told(self) -> list[Passed]:
        return in_order(row[0] for row in self._database.execute("SELECT event FROM thresholds"))

    def _sweep(self, before: float) -> int:
        records = [row[0] for row in self._database.execute("SELECT DISTINCT record FROM standings")]
        old = [(record,) for record in records if ended_before(record, before)]
        self._database.executemany("DELETE FROM standings WHERE record = ?", old)
        self._database.execute("DELETE FROM thresholds WHERE kept_until < ?", (self._clock(),))
        return len(old)


def held_in(path: Path, records: Sequence[str]) -> dict[str, int]:
    """What all processes together hold on these records, by their last word; nothing is written. Raises Unavailable."""
    query = "SELECT coalesce(sum(held), 0) FROM standings WHERE record = ?"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            return {record: database.execute(query, (record,)).fetchone()[0] for record in records}
    except sqlite3.Error as error:
        raise Unavailable("The store of limits does not answer.") from error


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing, and nobody writes in between. Raises sqlite3.Error."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:
        database.rollback()  # Does nothing where SQLite has rolled back by itself.
        raise
