"""Claims on idempotency keys in the state database of one home, which its workers share."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from gateway.core.errors import Unavailable
from gateway.stores.claims import CLAIM_KEPT_S, Claim, State
from gateway.stores.sqlite import connect

P = ParamSpec("P")
R = TypeVar("R")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS claims (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, request_id TEXT NOT NULL, replica TEXT NOT NULL, state TEXT NOT NULL,
    at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS claims_by_time ON claims (at);
CREATE INDEX IF NOT EXISTS claims_open ON claims (replica, request_id) WHERE state <> 'ended';
"""


class SqliteClaims:
    """See `Claims`. One thread owns the connection; it starts with the first call that has a key."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._database = connect(path)
        self._database.execute("PRAGMA synchronous = NORMAL")  # A power cut may take the newest; a crash takes none.
        self._database.executescript(_SCHEMA)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="claims")

    async def claim(self, name: str, claim: Claim) -> Claim | None:
        """See `Claims.claim`."""
        return await self._run(self._claim, name, claim, self._clock())

    async def end(self, name: str, claim: Claim, state: State | None) -> None:
        """See `Claims.end`."""
        which = (name, claim.request_id)
        if state is None:
            await self._run(self._change, "DELETE FROM claims WHERE name = ? AND request_id = ?", which)
        else:
            query = "UPDATE claims SET state = ? WHERE name = ? AND request_id = ?"
            await self._run(self._change, query, (state, *which))

    async def resume(self, replica: str | None) -> None:
        """See `Claims.resume`."""
        query = "UPDATE claims SET state = 'unresolved' WHERE state = 'running' AND (?1 IS NULL OR replica = ?1)"
        await self._run(self._change, query, (replica,))

    async def resolve(self, request_id: str) -> bool:
        """See `Claims.resolve`."""
        query = "DELETE FROM claims WHERE request_id = ? AND state = 'unresolved'"
        return await self._run(self._change, query, (request_id,)) > 0

    async def sweep(self) -> None:
        """See `Claims.sweep`."""
        await self._run(self._change, "DELETE FROM claims WHERE at <= ?", (self._clock() - CLAIM_KEPT_S,))

    async def close(self) -> None:
        """See `Claims.close`."""
        self._thread.shutdown(wait=True)
        self._database.close()

    async def _run(self, function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        call = partial(function, *args, **named)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except sqlite3.Error as error:
            raise Unavailable("The store of idempotency keys does not answer.") from error

    def _claim(self, name: str, claim: Claim, now: float) -> Claim | None:
        """One statement, and so atomic: of an old claim only the name is left."""
        query = """
            INSERT INTO claims VALUES (?1, ?2, ?3, ?4, 'running', ?5) ON CONFLICT (name) DO UPDATE SET
            digest = excluded.digest, request_id = excluded.request_id, replica = excluded.replica,
            state = excluded.state, at = excluded.at WHERE at <= ?6
        """
        row = (name, claim.digest, claim.request_id, claim.replica, now, now - CLAIM_KEPT_S)
        if self._database.execute(query, row).rowcount:
            return None
        query = "SELECT digest, request_id, replica, state FROM claims WHERE name = ?"
        found = self._database.execute(query, (name,)).fetchone()
        if found is None:  # Freed in between, by another process.
            return self._claim(name, claim, now)
        digest, request_id, replica, state = found
        return Claim(digest, request_id, replica, State(state))

    def _change(self, query: str, values: tuple[object, ...]) -> int:
        return self._database.execute(query, values).rowcount
