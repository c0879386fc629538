"""Kept answers on two levels: in this process's memory, and behind it a store that outlives it and that others share.

A store that is slow, frozen or gone is a miss. It delays no call by more than its own short wait, and by nothing once
it has failed a few times in a row.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

import msgspec

from gateway.cache.exact import ANSWER_BYTES_MAX, ExactCache, Stored
from gateway.core.clearing import Clearing, Label
from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.stores.answers import AnswerStore

_read = msgspec.msgpack.Decoder(Stored)
_write = msgspec.msgpack.Encoder().encode

log = logging.getLogger("fareway.cache")


class Answers:
    """See the module. `ttl_s`: how long an answer is good, unless its caller says less."""

    def __init__(
        self, memory: ExactCache, store: AnswerStore | None, clock: Callable[[], float], *, ttl_s: float
    ) -> None:
        self._memory = memory
        self._store = store
        self._clock = clock
        self._ttl_s = ttl_s
        self._clearings: dict[str, Clearing] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def find(self, asked: bytes, *, age_max_s: float | None = None) -> Stored | None:
        """The answer, if there is one, not older than that."""
        now = self._clock()
        stored = self._memory.get(asked, now)
        if stored is None and self._store is not None:
            stored = await self._from_store(self._store, asked, now)
        if stored is None or (age_max_s is not None and stored.bought.at < now - age_max_s):
            return None
        return stored

    def keep(self, asked: bytes, content_type: str, body: bytes, bought: Entry, *, ttl_s: float | None = None) -> None:
        """Keep a whole, good answer, unless it was cleared while it was on its way. The store gets it while calls go
        on."""
        if self._cleared(bought):
            return
        lives_s = self._ttl_s if ttl_s is None else min(ttl_s, self._ttl_s)
        stored = Stored(content_type, body, bought.stream, bought, self._clock() + lives_s)
        self._memory.keep(asked, stored)
        if self._store is not None and len(body) <= ANSWER_BYTES_MAX:
            self._begin(self._tell(self._store, asked, stored))

    def clear(self, clearings: Iterable[Clearing]) -> None:
        """Give no answer that one of these covers. They are all that were ever said and may still matter."""
        known, self._clearings = self._clearings, {clearing.id: clearing for clearing in clearings}
        new = [clearing for name, clearing in self._clearings.items() if known.get(name) != clearing]
        if new:
            self._memory.forget(self._cleared)
        if self._store is not None:
            for clearing in new:
                self._begin(self._clear(self._store, clearing))

    async def close(self) -> None:
        """Wait for what is being written, and let go of the store."""
        await asyncio.gather(*self._writing)
        if self._store is not None:
            await self._store.close()

    async def _from_store(self, store: AnswerStore, asked: bytes, now: float) -> Stored | None:
        try:
            record = await store.find(asked)
            stored = _read.decode(record) if record is not None else None
        except (Unavailable, msgspec.DecodeError, RecursionError):  # The second: another version has written it.
            return None
        if stored is None or now >= stored.until or self._cleared(stored.bought):
            return None
        self._memory.keep(asked, stored)
        return stored

    def _cleared(self, bought: Entry) -> bool:
        label = Label.of(bought)
        return any(clearing.covers(label) for clearing in self._clearings.values())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _tell(self, store: AnswerStore, asked: bytes, stored: Stored) -> None:
        with suppress(Unavailable):
            await store.keep(asked, _write(stored), Label.of(stored.bought), stored.until)

    async def _clear(self, store: AnswerStore, clearing: Clearing) -> None:
        try:
            await store.clear(clearing)
        except Unavailable:
            log.warning("kept answers (%s) are given no more, and could not be deleted from the store", clearing.id)
