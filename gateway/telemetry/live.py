"""Live events: one for every settled call, to everybody who watches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

QUEUE_MAX = 1000
"""Events kept for a watcher that reads slowly; beyond, its oldest are dropped."""

WATCHERS_MAX = 100


class TooManyWatchers(Exception):
    """WATCHERS_MAX are watching already."""


class Live:
    """Fans events out. Publishing never waits."""

    def __init__(self) -> None:
        self._watchers: dict[asyncio.Queue[bytes], str | None] = {}

    @property
    def watched(self) -> bool:
        """Whether it is worth making an event."""
        return bool(self._watchers)

    def publish(self, key_id: str, event: bytes) -> None:
        """Hand an event about a call of that key to everybody who may see it."""
        for queue, only in self._watchers.items():
            if only is not None and only != key_id:
                continue
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    @contextmanager
    def watch(self, only: str | None) -> Iterator[asyncio.Queue[bytes]]:
        """A queue of events from now on, of one key or of all. Raises TooManyWatchers."""
        if len(self._watchers) >= WATCHERS_MAX:
            raise TooManyWatchers
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_MAX)
        self._watchers[queue] = only
        try:
            yield queue
        finally:
            del self._watchers[queue]
