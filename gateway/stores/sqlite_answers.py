"""Kept answers in a file of the home, which its workers share and its owner alone may read."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from gateway.core.clearing import Clearing, Label
from gateway.core.errors import Unavailable
from gateway.stores.answers import WAIT_S
from gateway.stores.breaker import Breaker
from gateway.stores.closed import closed_to_others
from gateway.stores.sqlite import transaction

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE_S = 1.0
"""How long what no call waits for may take, and how long the file may be another process's."""

WAITING_MAX = 256
"""Answers that wait to be written. One more is not kept: the disk is too slow."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    name BLOB PRIMARY KEY, record BLOB NOT NULL, key TEXT NOT NULL, team TEXT NOT NULL, asked_model TEXT NOT NULL,
    model TEXT NOT NULL, at REAL NOT NULL, until REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS answers_by_end ON answers (until);
CREATE TABLE IF NOT EXISTS taken (bytes INTEGER NOT NULL) STRICT;
INSERT INTO taken SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM taken);
CREATE TRIGGER IF NOT EXISTS answer_comes AFTER INSERT ON answers
    BEGIN UPDATE taken SET bytes = bytes + length(NEW.record); END;
CREATE TRIGGER IF NOT EXISTS answer_goes AFTER DELETE ON answers
    BEGIN UPDATE taken SET bytes = bytes - length(OLD.record); END;
"""

_DROP_FIRST = "DELETE FROM answers WHERE name = (SELECT name FROM answers ORDER BY until LIMIT 1)"


class SqliteAnswers:
    """See `AnswerStore`. One thread owns the connection; a disk that hangs keeps nobody waiting but that thread."""

    def __init__(self, path: Path, bytes_max: int, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._bytes_max = bytes_max
        self._database = _connect(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="answers")
        self._breaker = Breaker()
        self._waiting = 0

    async def find(self, name: bytes) -> bytes | None:
        """See `AnswerStore.find`."""
        return await self._run(WAIT_S, self._find, name)

    async def keep(self, name: bytes, record: bytes, label: Label, until: float) -> None:
        """See `AnswerStore.keep`."""
        if len(record) <= self._bytes_max:
            await self._run(PATIENCE_S, self._keep, name, record, label, until)

    async def clear(self, clearing: Clearing) -> int:
        """See `AnswerStore.clear`."""
        return await self._run(PATIENCE_S, self._clear, clearing)

    async def close(self) -> None:
        """See `AnswerStore.close`."""
        self._thread.shutdown(wait=True)
        self._database.close()

    async def _run(self, wait_s: float, function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        if self._waiting >= WAITING_MAX or not self._breaker.admits():
            raise Unavailable(_SILENT)
        self._waiting += 1
        asked = asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *args, **named))
        asked.add_done_callback(self._done)
        try:
            async with asyncio.timeout(wait_s):
                answer = await asyncio.shield(asked)
        except (TimeoutError, sqlite3.Error) as error:
            self._breaker.failed()
            raise Unavailable(_SILENT) from error
        self._breaker.worked()
        return answer

    def _done(self, asked: asyncio.Future[R]) -> None:
        self._waiting -= 1
        if not asked.cancelled():
            asked.exception()  # Whoever still waited for it has heard of it.

    def _find(self, name: bytes) -> bytes | None:
        query = "SELECT record FROM answers WHERE name = ? AND until > ?"
        row = self._database.execute(query, (name, self._clock())).fetchone()
        return row[0] if row else None

    def _keep(self, name: bytes, record: bytes, label: Label, until: float) -> None:
        row = (name, record, label.key, label.team, label.asked_model, label.model, label.at, until)
        with transaction(self._database) as database:
            database.execute("DELETE FROM answers WHERE name = ? OR until <= ?", (name, self._clock()))
            database.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            gone = 1
            while gone and database.execute("SELECT bytes FROM taken").fetchone()[0] > self._bytes_max:
                gone = database.execute(_DROP_FIRST).rowcount

    def _clear(self, clearing: Clearing) -> int:
        query = (
            "DELETE FROM answers WHERE at < ?1 AND ?2 IN ('', key) AND ?3 IN ('', team)"
            " AND ?4 IN ('', asked_model, model)"
        )
        row = (clearing.at, clearing.key, clearing.team, clearing.model)
        gone = self._database.execute(query, row).rowcount
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return gone


def _connect(path: Path) -> sqlite3.Connection:
    """Open it for its owner alone, and create what is missing. What is deleted is overwritten. Raises OSError and
    sqlite3.Error."""
    closed_to_others(path)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE_S)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON"):
        database.execute(f"PRAGMA {pragma}")
    database.executescript(_SCHEMA)
    return database


_SILENT = "The store of answers does not answer."
