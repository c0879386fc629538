"""Live events: one for every settled call, to everybody who watches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NOBODY = ""
"""The key of events that only those see who watch everything."""

QUEUE_MAX = 1000
"""Events kept for a watcher that reads slowly; beyond, its oldest are dropped."""

WATCHERS_MAX = 100
WATCHERS_OF_A_KEY_MAX = 10
"""So that one key cannot take all places."""


class TooManyWatchers(Exception):
    """As many are watching as may, in all or of this key."""


@dataclass(frozen=True, slots=True)
class _Watcher:
    key_id: str
    everything: bool  # Or only the calls of its own key.


class Live:
    """Fans events out. Publishing never waits."""

    def __init__(self) -> None:
        self._watchers: dict[asyncio.Queue[bytes | None], _Watcher] = {}
        self._closed = False

    @property
    def watched(self) -> bool:
        """Whether it is worth making an event."""
        return bool(self._watchers)

    def publish(self, key_id: str, event: bytes) -> None:
        """Hand an event about a call of that key to everybody who may see it."""
        for queue, watcher in self._watchers.items():
            if watcher.everything or watcher.key_id == key_id:
                self.offer(queue, event)

    @staticmethod
    def offer(queue: asyncio.Queue[bytes | None], event: bytes | None) -> None:
        """Put an event in, in the place of the oldest one where the queue is full."""
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(event)

    def close(self) -> None:
        """Tell all watchers that no more comes, and whoever begins to watch later."""
        self._closed = True
        for queue in self._watchers:
            self.offer(queue, None)

    @contextmanager
    def watch(self, key_id: str, *, everything: bool) -> Iterator[asyncio.Queue[bytes | None]]:
        """A queue of events from now on, and None at the end. Raises TooManyWatchers."""
        own = sum(watcher.key_id == key_id for watcher in self._watchers.values())
        if len(self._watchers) >= WATCHERS_MAX or own >= WATCHERS_OF_A_KEY_MAX:
            raise TooManyWatchers
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_MAX)
        self._watchers[queue] = _Watcher(key_id, everything)
        if self._closed:
            queue.put_nowait(None)
        try:
            yield queue
        finally:
            del self._watchers[queue]
