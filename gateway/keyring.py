"""The keys of a store, as a running gateway sees them: new ones at once, changes within a second."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Protocol

from gateway.core.caller import Key
from gateway.core.errors import Unavailable
from gateway.tenants import Tenants

CHECKED_EVERY_S = 1.0
"""How long a key that somebody revokes may still be used."""

ASKED_EVERY_S = 0.05
"""How often a store on another machine is asked about a key that is not known yet: the event loop waits for it, and
callers may invent any number of names."""


class Keys(Protocol):
    """Where keys are kept; see `SqliteKeys`. Every method may raise Unavailable."""

    def all(self) -> dict[str, Key]: ...  # noqa: D102
    def find(self, name: str) -> Key | None: ...  # noqa: D102
    def save(self, key: Key) -> None: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Keyring:
    """Feeds `tenants` from a store. `local`: it is a file, and asking it costs next to nothing."""

    def __init__(self, keys: Keys, pepper: bytes, *, local: bool) -> None:
        self._keys = keys
        self._local = local
        self._ask_from = 0.0  # On the monotonic clock.
        self._seen = keys.version
        self.tenants = Tenants(pepper, keys.all(), self._find)

    async def watch(self) -> None:
        """Follow the store for ever. What is known stays good while it does not answer."""
        while True:
            await asyncio.sleep(CHECKED_EVERY_S)
            with suppress(Unavailable):
                await self._follow()

    async def _follow(self) -> None:
        changed = self._changes() if self._local else await asyncio.to_thread(self._changes)
        if changed is not None:
            self._seen, keys = changed
            self.tenants.replace_all(keys)

    def _changes(self) -> tuple[int, dict[str, Key]] | None:
        """The version and all keys, if it is another one than before."""
        now = self._keys.version
        if now == self._seen:
            return None
        stored = self._keys.all()
        return now, stored if now > self._seen else stored | self._told_anew(stored)

    def _told_anew(self, stored: dict[str, Key]) -> dict[str, Key]:
        """The store has lost its newest keys, or all: it gets those back that we know. Revoked ones stay revoked."""
        lost = {
            name: key
            for name, key in self.tenants.known.items()
            if name not in stored or (key.revoked and not stored[name].revoked)
        }
        for key in lost.values():
            self._keys.save(key)
        return lost

    def _find(self, name: str) -> Key | None:
        """One that is not known yet."""
        if not self._local:
            now = time.monotonic()
            if now < self._ask_from:
                return None
            self._ask_from = now + ASKED_EVERY_S
        try:
            return self._keys.find(name)
        except Unavailable:
            return None
