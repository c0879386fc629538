"""Calls that wait, in a file of the home that its workers share and its owner alone may read.

Nothing is told to a caller before it stands here for good. What is deleted is overwritten, in the file at once and in
the log of its writes with the next `wipe`.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import msgspec

from gateway.core.errors import Unavailable
from gateway.deferred.record import ENDED, Later, State
from gateway.stores.closed import closed_to_others
from gateway.stores.sqlite import transaction

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE_S = 2.0
"""How long the file may be another process's."""

AGAIN_S = 1.0

log = logging.getLogger("fareway.deferred")

_ENDS = "coalesce(json_extract(record, '$.switch_at'), json_extract(record, '$.deadline'))"
"""When the time of a call is over, as far as is known."""

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS calls (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, idem TEXT, state TEXT NOT NULL, lane TEXT NOT NULL, batch TEXT NOT NULL,
    due REAL, tell REAL, until REAL, record TEXT NOT NULL, body BLOB NOT NULL, answer BLOB
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS calls_by_idem ON calls (key, idem) WHERE idem IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_by_due ON calls (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_by_time_left ON calls (key, {_ENDS}, due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS calls_by_lane ON calls (lane) WHERE lane != '';
CREATE INDEX IF NOT EXISTS calls_by_batch ON calls (batch) WHERE batch != '';
CREATE INDEX IF NOT EXISTS calls_to_tell ON calls (key, tell) WHERE tell IS NOT NULL;
DROP INDEX IF EXISTS calls_by_tell; -- Of an earlier version.
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (key, state);
"""
_later = msgspec.json.Decoder(Later)
_encode = msgspec.json.Encoder().encode

OPEN = (State.WAITING, State.RUNNING)


class NotKept(Unavailable):
    """The file cannot be read or written now."""


class Full(Exception):
    """So many calls of one key wait already."""


class Kept(NamedTuple):
    """A call and what was answered."""

    later: Later
    answer: bytes | None


class Shelf:
    """One thread asks the file, so that no call waits for it. Every method may raise NotKept, and then nothing was
    changed. The file is made with the first call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._unwiped = True  # Also what an earlier process has left.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deferred")

    @property
    def used(self) -> bool:
        """Whether there is anything to look at."""
        return self._database is not None or self._path.exists()

    async def add(self, later: Later, body: bytes, idem: str | None, most: int) -> Later:
        """Keep it, and return it; or the one that came before with this Idempotency-Key. Raises Full where its key has
        so many already that have not ended."""
        return await self._run(self._add, later, body, idem, most)

    async def by_key(self, key_id: str, idem: str) -> Later | None:
        """The call that came with this Idempotency-Key."""
        return await self._run(self._by_key, key_id, idem) if self.used else None

    async def find(self, name: str) -> Kept | None:
        """The call of that id."""
        return await self._run(self._find, name) if self.used else None

    async def body(self, name: str) -> bytes:
        """What was asked."""
        return await self._run(self._body, name)

    async def due(self, now: float, count: int, soon: float = inf) -> list[Later]:
        """What is to be looked at by now, of each key as many, and of these what has the least time left. `soon`: only
        what has none after that."""
        return await self._run(self._by_turns, f"due <= ? AND {_ENDS} <= ?", _ENDS, (now, soon), count)

    async def next_due(self) -> float | None:
        """When something is to be looked at."""
        return await self._run(self._next_due)

    async def of_lane(self, lane: str, count: int) -> list[Later]:
        """What waits for others to share a batch."""
        query = "SELECT record FROM calls WHERE lane = ? AND state = 'waiting' ORDER BY due LIMIT ?"
        return await self._run(self._all, query, lane, count)

    async def running(self) -> list[Later]:
        """What has left and has no answer."""
        return await self._run(self._all, "SELECT record FROM calls WHERE state = 'running'")

    async def batches(self) -> list[Later]:
        """One call of each batch whose cost is not in the books yet."""
        return await self._run(self._all, "SELECT record FROM calls WHERE batch != '' GROUP BY batch")

    async def in_batch(self, batch: str) -> list[Later]:
        """The calls of this batch whose cost is not in the books yet."""
        return await self._run(self._all, "SELECT record FROM calls WHERE batch = ?", batch)

    async def settled(self, name: str) -> None:
        """What its batch did for it is in the books."""
        await self._run(self._settled, name)

    async def put(
        self,
        later: Later,
        *,
        before: State | None = None,
        due: float | None = None,
        answer: bytes | None = None,
        until: float | None = None,
        batch: str | None = None,
    ) -> bool:
        """Keep what is known now. `before`: only if it is in that state. `due`: when it is looked at again. `until`:
        how long it is kept. `batch`: in which it stands from now on. The body goes once it has ended. Whether it was
        done."""
        return await self._run(self._put, later, before, (due, answer, until, batch))

    async def keep_until(self, name: str, until: float) -> None:
        """It is deleted then, if not before."""
        await self._run(self._keep_until, name, until)

    async def untold(self, now: float, count: int) -> list[Later]:
        """Whose webhook is to be asked by now: of each key as many, so that none waits for the dead ones of another."""
        return await self._run(self._by_turns, "tell <= ?", "tell", (now,), count)

    async def tell_at(self, later: Later, at: float | None) -> None:
        """When its webhook is to be asked; None: no more."""
        await self._run(self._tell_at, later, at)

    async def delete(self, name: str) -> None:
        """It is there no more; of one whose batch is not in the books yet, what was asked and answered."""
        await self._run(self._delete, name)

    async def sweep(self, now: float) -> None:
        """Delete what was kept long enough."""
        await self._run(self._sweep, now)

    async def wipe(self) -> None:
        """Empty the log of writes if what was deleted since may stand in it."""
        await self._run(self._wipe)

    async def close(self) -> None:
        """Wait for what is under way, and let go."""
        self._thread.shutdown(wait=True)
        if self._database is not None:
            self._database.close()

    async def _run(self, function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        assert not named, "positions are enough"
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
        except (sqlite3.Error, OSError) as error:
            raise NotKept("Calls for later cannot be kept now.") from error

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = _connect(self._path)
        return self._database

    def _add(self, later: Later, body: bytes, idem: str | None, most: int) -> Later:
        key = later.caller.key_id
        with transaction(self._opened()) as database:
            if (before := self._by_key(key, idem)) is not None:
                return before
            count = "SELECT count(*) FROM calls WHERE key = ? AND state IN (?, ?)"
            if database.execute(count, (key, *OPEN)).fetchone()[0] >= most:
                raise Full
            database.execute(
                "INSERT INTO calls VALUES (?, ?, ?, ?, '', '', ?, NULL, NULL, ?, ?, NULL)",
                (later.id, key, idem, later.state, later.accepted, _encode(later).decode(), body),
            )
        return later

    def _by_key(self, key_id: str, idem: str | None) -> Later | None:
        query = "SELECT record FROM calls WHERE key = ? AND idem = ?"
        return next(iter(self._all(query, key_id, idem)), None)

    def _find(self, name: str) -> Kept | None:
        query = "SELECT record, answer FROM calls WHERE id = ?"
        row = self._opened().execute(query, (name,)).fetchone()
        return Kept(_later.decode(row[0]), row[1]) if row is not None else None

    def _body(self, name: str) -> bytes:
        row = self._opened().execute("SELECT body FROM calls WHERE id = ?", (name,)).fetchone()
        body: bytes = row[0] if row is not None else b""
        return body

    def _all(self, query: str, *values: object) -> list[Later]:
        return [_later.decode(text) for (text,) in self._opened().execute(query, values)]

    def _by_turns(self, wanted: str, order: str, values: tuple[float, ...], count: int) -> list[Later]:
        first = f"SELECT key FROM calls WHERE {wanted} GROUP BY key ORDER BY min({order}) LIMIT ?"  # noqa: S608 - ours
        keys = [key for (key,) in self._opened().execute(first, (*values, count))]
        share = count // max(1, len(keys))
        query = f"SELECT record FROM calls WHERE key = ? AND {wanted} ORDER BY {order} LIMIT ?"  # noqa: S608 - the same
        return [later for key in keys for later in self._all(query, key, *values, share)]

    def _next_due(self) -> float | None:
        due: float | None = self._opened().execute("SELECT min(due) FROM calls WHERE due IS NOT NULL").fetchone()[0]
        return due

    def _put(self, later: Later, before: State | None, beside: tuple[Any, ...]) -> bool:
        due, answer, until, batch = beside
        update = """
            UPDATE calls SET state = ?1, lane = ?2, batch = coalesce(?3, batch), due = ?4, record = ?5,
                answer = coalesce(?6, answer), body = CASE WHEN ?7 THEN x'' ELSE body END,
                tell = CASE WHEN ?8 THEN ?9 ELSE tell END, until = coalesce(until, ?10)
            WHERE id = ?11 AND (?12 IS NULL OR state = ?12)
        """
        ended = later.state in ENDED
        news = ended and answer is not None and bool(later.webhook)
        self._unwiped |= ended
        row = (later.state, later.lane, batch, due, _encode(later).decode(), answer, ended, news, later.ended)
        return self._opened().execute(update, (*row, until, later.id, before)).rowcount == 1

    def _settled(self, name: str) -> None:
        self._opened().execute("UPDATE calls SET batch = '' WHERE id = ?", (name,))

    def _keep_until(self, name: str, until: float) -> None:
        update = "UPDATE calls SET until = min(coalesce(until, ?), ?) WHERE id = ?"
        self._opened().execute(update, (until, until, name))

    def _tell_at(self, later: Later, at: float | None) -> None:
        update = "UPDATE calls SET tell = ?, record = json_set(record, '$.tells', ?) WHERE id = ?"
        self._opened().execute(update, (at, later.tells, later.id))

    def _delete(self, name: str) -> None:
        self._unwiped = True
        with transaction(self._opened()) as database:
            database.execute("DELETE FROM calls WHERE id = ? AND batch = ''", (name,))
            database.execute(
                "UPDATE calls SET body = x'', answer = NULL, idem = NULL, tell = NULL WHERE id = ?", (name,)
            )

    def _sweep(self, now: float) -> None:
        gone = self._opened().execute("DELETE FROM calls WHERE until <= ? AND batch = ''", (now,))
        self._unwiped |= gone.rowcount > 0

    def _wipe(self) -> None:
        if self._unwiped:
            ((busy, *_),) = self._opened().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._unwiped = bool(busy)  # Then another process reads it: the next time.


async def surely(step: Callable[P, Awaitable[R]], *args: P.args, **named: P.kwargs) -> R:
    """What is known of a call must not be lost: again and again, until it can be written down."""
    while True:
        try:
            return await step(*args, **named)
        except NotKept as error:
            log.warning("a call for later waits until the file can be read and written: %s", error)
            await asyncio.sleep(AGAIN_S)


def _connect(path: Path) -> sqlite3.Connection:
    """Open it for its owner alone, and create what is missing. A call that was taken outlives a power failure, too:
    so every write waits for the disk. Raises OSError and sqlite3.Error."""
    closed_to_others(path)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_S)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        database.execute(f"PRAGMA {pragma}")
    database.executescript(_SCHEMA)
    return database
