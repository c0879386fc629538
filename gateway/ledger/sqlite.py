"""The ledger in SQLite: entries that are only ever added, and the balances that follow from them.

An entry and its effect on the balances are one transaction, so a balance is always the sum of the
entries' charges, and recording an entry twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.limit import short_window_before
from gateway.core.price import Price
from gateway.core.rating import Rating
from gateway.ledger.feedback import RATED, RATINGS, RATINGS_MAX, TOLD, rating, rating_row
from gateway.ledger.rates import decoded, encoded
from gateway.ledger.reader import Reader, Words
from gateway.ledger.rows import COLUMNS, charged, row
from gateway.ledger.thread import stand_back
from gateway.stores.closed import closed_to_others

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY, request_id TEXT NOT NULL, at REAL NOT NULL,
    key_id TEXT NOT NULL, org TEXT NOT NULL, team TEXT NOT NULL, user TEXT NOT NULL,
    asked_model TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, tier TEXT NOT NULL,
    deployment TEXT NOT NULL, outcome TEXT NOT NULL, cost_status TEXT NOT NULL,
    cost_picos INTEGER, saved_nanos INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    charges TEXT NOT NULL, entry BLOB NOT NULL, replica TEXT NOT NULL DEFAULT '',
    answer_id TEXT NOT NULL DEFAULT ''
) STRICT;
DROP INDEX IF EXISTS entries_by_request;
CREATE INDEX IF NOT EXISTS entries_by_time ON entries (at);
CREATE INDEX IF NOT EXISTS entries_by_answer ON entries (answer_id) WHERE answer_id <> '';
CREATE TABLE IF NOT EXISTS balances (
    account TEXT NOT NULL, replica TEXT NOT NULL, spent INTEGER NOT NULL, PRIMARY KEY (account, replica)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prices (id TEXT PRIMARY KEY, price TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feedback (
    request_id TEXT PRIMARY KEY, at REAL NOT NULL, score REAL NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
    cluster INTEGER NOT NULL, arm TEXT NOT NULL, cost_picos INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS feedback_by_time ON feedback (at);
DROP TRIGGER IF EXISTS entries_are_charged;
"""

_WITHOUT_REPLICAS = "SELECT 1 FROM sqlite_schema WHERE name = 'balances' AND sql NOT LIKE '%replica%'"
_ADD_REPLICAS = f"""
ALTER TABLE entries ADD COLUMN replica TEXT NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN answer_id TEXT NOT NULL DEFAULT '';
ALTER TABLE balances RENAME TO balances_of_all;
{_SCHEMA}
INSERT INTO balances SELECT account, '', spent FROM balances_of_all;
DROP TABLE balances_of_all;
"""  # noqa: S608 - only what stands here
_WITHOUT_ANSWERS = "SELECT 1 FROM sqlite_schema WHERE name = 'entries' AND sql NOT LIKE '%answer_id%'"
_ADD_ANSWERS = f"ALTER TABLE entries ADD COLUMN answer_id TEXT NOT NULL DEFAULT ''; {_SCHEMA}"
_ROW = f"({','.join('?' * len(COLUMNS))})"
_CHARGE = """
INSERT INTO balances VALUES (?, ?, ?) ON CONFLICT (account, replica) DO UPDATE SET spent = spent + excluded.spent
"""

_WORDS = Words(
    day="date(at, 'unixepoch')",
    hour="strftime('%Y-%m-%dT%H:00Z', at, 'unixepoch')",
    adjusts="substr(id, 1, instr(id, '~') - 1)",
    served="json_extract(CAST(entry AS TEXT), '$.served_model')",
    parts="json_each(CAST(entry AS TEXT), '$.parts') AS part",
    ran_on="json_extract(part.value, '$.model')",
)

_LATER = {"prices": "id, price", "feedback": ", ".join(RATED)}
"""Tables that the first ledgers did not have, and no reader may make."""

_NEVER_FITS = (sqlite3.IntegrityError, OverflowError, ValueError)

ROWS_AT_ONCE = 50
"""Of one statement, while which the interpreter is free for others: one row at a time, it would be fought for."""

log = logging.getLogger("fareway.ledger")

A = TypeVar("A")
R = TypeVar("R")
_entry = msgspec.json.Decoder(Entry)


def connect(path: Path) -> sqlite3.Connection:
    """Open the database for its owner alone; readers do not block the writer. Raises Unavailable, which says
    what is wrong with which file."""
    try:
        closed_to_others(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        # The journal forgets what is here. Once for each group of entries, it is cheap.
        connection.execute("PRAGMA synchronous = FULL")
        with _transaction(connection):  # Several processes may start at once.
            for statement in _missing(connection).split(";"):
                connection.execute(statement)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"{path} cannot be opened: {error}") from error
    return connection


def _missing(connection: sqlite3.Connection) -> str:
    """What brings the schema up to date."""
    if connection.execute(_WITHOUT_REPLICAS).fetchone():
        return _ADD_REPLICAS
    return _ADD_ANSWERS if connection.execute(_WITHOUT_ANSWERS).fetchone() else _SCHEMA


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """A database that is only read, also while a gateway writes to it. Raises Unavailable."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as database:
            for table, columns in _LATER.items():  # Of a ledger from before they were kept.
                if database.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone() is None:
                    database.execute(f"CREATE TEMP TABLE {table} ({columns})")

            def select(query: str, values: Mapping[str, object]) -> Iterator[tuple[Any, ...]]:
                return database.execute(query, values)

            yield Reader(select, _WORDS)
    except sqlite3.Error as error:
        raise Unavailable(str(error)) from error


class SqliteLedger:
    """See the module. One thread owns the connection; the event loop never waits for the disk.

    `replica`: whose balances are told; None for those of all replicas together.
    """

    def __init__(self, path: Path, replica: str | None = None) -> None:
        self._replica = replica
        self._database = connect(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger", initializer=stand_back)

    async def record(self, entries: Sequence[Entry]) -> int:
        """Add entries; those already there are left alone. Returns how many were new. Raises Unavailable."""
        return await self._run(self._record, entries)

    async def note(self, prices: Sequence[Price]) -> None:
        """Keep the rates of prices. What is known by its id stays as it is. Raises Unavailable."""
        if prices:
            await self._run(self._note, prices)

    async def prices(self, ids: Sequence[str]) -> dict[str, Price]:
        """The prices with these ids; one that no entry was booked at is missing. Raises Unavailable."""
        return await self._run(self._prices, ids) if ids else {}

    async def balances(self, accounts: list[str]) -> dict[str, int]:
        """What was spent on these accounts; one without entries is missing. Raises Unavailable."""
        return await self._run(self._balances, accounts)

    async def all_balances(self) -> list[tuple[str, str, int]]:
        """What every replica has spent, as (account, replica, amount). Raises Unavailable."""
        return await self._run(self._all_balances, None)

    async def newest(self) -> float:
        """The moment of the latest entry, in Unix seconds; 0 where there is none. Raises Unavailable."""
        return await self._run(self._newest, None)

    async def find(self, name: str) -> list[Entry]:
        """See `Ledger.find`. Raises Unavailable."""
        return await self._run(self._find, name)

    async def rate(self, rating: Rating) -> None:
        """See `Ledger.rate`. Raises Unavailable."""
        await self._run(self._rate, rating)

    async def ratings(self, since: float) -> list[Rating]:
        """See `Ledger.ratings`. Raises Unavailable."""
        return await self._run(self._ratings, since)

    async def sweep(self, before: float) -> int:
        """Drop the balances of short windows that began before that moment: the entries stay. Returns how many."""
        return await self._run(self._sweep, before)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._thread.shutdown(wait=True)
        self._database.close()

    async def _run(self, function: Callable[[A], R], argument: A) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function, argument)
        except sqlite3.Error as error:
            raise Unavailable("The ledger's database does not answer.") from error

    def _record(self, entries: Sequence[Entry]) -> int:
        try:
            with _transaction(self._database) as database:
                return sum(_add(database, rows) for rows in _batched(entries))
        except _NEVER_FITS:
            # One entry that no book can hold must not keep the others out, now or at every start.
            if len(entries) == 1:
                log.critical("an entry does not fit into the ledger and is left out: %r", entries[0])
                return 0
        return sum(self._record([entry]) for entry in entries)

    def _note(self, prices: Sequence[Price]) -> None:
        rows = [(price.id, encoded(price).decode()) for price in prices]
        with _transaction(self._database) as database:
            database.executemany("INSERT INTO prices VALUES (?, ?) ON CONFLICT (id) DO NOTHING", rows)

    def _prices(self, ids: Sequence[str]) -> dict[str, Price]:
        query = "SELECT id, price FROM prices WHERE id = ?"
        return {name: decoded(text) for wanted in ids for name, text in self._database.execute(query, (wanted,))}

    def _balances(self, accounts: list[str]) -> dict[str, int]:
        query, replica = "SELECT sum(spent) FROM balances WHERE account = ?1 AND ?2 IN ('', replica)", self._replica
        sums = {a: self._database.execute(query, (a, replica or "")).fetchone()[0] for a in accounts}
        return {account: spent for account, spent in sums.items() if spent is not None}

    def _all_balances(self, _: None) -> list[tuple[str, str, int]]:
        return self._database.execute("SELECT account, replica, spent FROM balances").fetchall()

    def _newest(self, _: None) -> float:
        latest: float | None = self._database.execute("SELECT max(at) FROM entries").fetchone()[0]
        return latest or 0

    def _rate(self, rating: Rating) -> None:
        self._database.execute(TOLD.format(values=",".join("?" * len(RATED))), rating_row(rating))

    def _ratings(self, since: float) -> list[Rating]:
        query = f"{RATINGS} WHERE at >= ? ORDER BY at DESC, request_id LIMIT {RATINGS_MAX}"
        return [rating(row) for row in self._database.execute(query, (since,))][::-1]

    def _sweep(self, before: float) -> int:
        accounts = [row[0] for row in self._database.execute("SELECT DISTINCT account FROM balances")]
        old = [(account,) for account in accounts if short_window_before(account, before)]
        with _transaction(self._database) as database:
            database.executemany("DELETE FROM balances WHERE account = ?", old)
        return len(old)

    def _find(self, name: str) -> list[Entry]:
        query = "SELECT entry FROM entries WHERE id > ? AND id < ? ORDER BY id"  # "<request id>.<attempt number>"
        found = self._database.execute(query, (f"{name}.", f"{name}/")).fetchall()
        if not found and name:
            query = "SELECT entry FROM entries WHERE answer_id = ? AND answer_id <> '' ORDER BY at, id"
            found = self._database.execute(query, (name,)).fetchall()
        return [_entry.decode(row[0]) for row in found]


def _batched(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    return (entries[at : at + ROWS_AT_ONCE] for at in range(0, len(entries), ROWS_AT_ONCE))


def _add(database: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    """Insert, and charge for those that were not there before. Returns how many."""
    rows = ",".join([_ROW] * len(entries))
    query = f"INSERT INTO entries VALUES {rows} ON CONFLICT (id) DO NOTHING RETURNING id"  # noqa: S608 - question marks
    values = [value for entry in entries for value in row(entry)]
    new = {name for (name,) in database.execute(query, values)}
    database.executemany(_CHARGE, [(*whose, amount) for whose, amount in charged(entries, new).items()])
    return len(new)


class _transaction:  # noqa: N801 - reads as a keyword
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK if anything goes wrong."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        self._database.execute("BEGIN IMMEDIATE")
        return self._database

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            self._database.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error:
            self._database.rollback()
            raise
