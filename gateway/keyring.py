"""The keys and rules of a store, as a running gateway sees them: new keys at once, changes within half a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from gateway.core.caller import Key
from gateway.core.clearing import Clearing
from gateway.core.errors import Unavailable
from gateway.core.tenant import Drain, Rule
from gateway.stores.registry import Kind, Registry, Write, clearings_of, drains_of, encoded, key_of, keys_of, rules_of
from gateway.tenants import Tenants

LOST_MAX = 1000
"""Versions by which one that lost its newest goes beyond all that anybody has seen of it before."""

CHECKED_EVERY_S = 0.4
"""How long a key that somebody revokes may still be used."""

ASKED_EVERY_S = 0.05
"""How often a store on another machine is asked about a key that is not known yet: the event loop waits for it, and
callers may invent any number of names."""

Seen = tuple[int, dict[str, Key], dict[str, Rule], list[Clearing], dict[str, Drain]]
Stored = Mapping[Kind, Mapping[str, bytes]]


class Keyring:
    """Feeds `tenants` from a store, `rule` the limits that were set there, and `clear` what was cleared of the cache.

    `registry` is what calls ask, and `beside` the same store for threads, which read all of it beside them: who reads a
    file sees it meanwhile as it was. `local`: it is a file, and asking it one thing costs next to nothing.
    """

    def __init__(
        self,
        registry: Registry,
        beside: Registry,
        pepper: bytes,
        rule: Callable[[Iterable[Rule]], None],
        clear: Callable[[Iterable[Clearing]], None],
        *,
        local: bool,
    ) -> None:
        self._registry = registry
        self._beside = beside
        self._rule = rule
        self._clear = clear
        self._local = local
        self._ask_from = 0.0  # On the monotonic clock.
        self._seen = 0  # The version.
        self._following = asyncio.Lock()  # What one has read is in use before another reads.
        self._drain: Callable[[Mapping[str, Drain]], None] = lambda _: None
        self._drains: dict[str, Drain] = {}
        self.tenants = Tenants(pepper, {}, self._find)
        self._seen, keys, self._rules, clearings, self._drains = self._all(self._seen)
        self.tenants.replace_all(keys)
        rule(self._rules.values())
        clear(clearings)

    def drain_by(self, drain: Callable[[Mapping[str, Drain]], None]) -> None:
        """Who is to hear which backends get no new calls: at once, and whenever that changes."""
        self._drain = drain
        drain(self._drains)

    async def watch(self) -> None:
        """Follow the store for ever. What is known stays good while it does not answer."""
        while True:
            await asyncio.sleep(CHECKED_EVERY_S)
            with suppress(Unavailable):
                await self.follow()

    async def follow(self) -> None:
        """Look whether anything has changed. Raises Unavailable."""
        async with self._following:
            if self._local and self._registry.version == self._seen:
                return
            if (changed := await asyncio.to_thread(self._changes, self._seen)) is not None:
                self._heed(changed)

    def _heed(self, changed: Seen) -> None:
        self._seen, keys, rules, clearings, drains = changed
        self._clear(clearings)
        self.tenants.replace_all(keys)
        if rules != self._rules:
            self._rules = rules
            self._rule(rules.values())
        if drains != self._drains:
            self._drains = drains
            self._drain(drains)

    def _changes(self, seen: int) -> Seen | None:
        return None if self._beside.version == seen else self._all(seen)

    def _all(self, seen: int) -> Seen:
        """The version first: what changes meanwhile is read once more."""
        version = self._beside.version
        stored = {kind: self._beside.all(kind) for kind in (Kind.KEYS, Kind.RULES, Kind.DRAINS, Kind.CACHE)}
        if version < seen:
            self._tell_anew(stored)
            self._beside.lift(seen + LOST_MAX)  # Who comes later must not take what changes now for lost.
            return self._all(seen)
        keys, rules, drains = keys_of(stored[Kind.KEYS]), rules_of(stored[Kind.RULES]), drains_of(stored[Kind.DRAINS])
        lost = _lost(self.tenants.known, keys)
        self._put_back(Kind.KEYS, lost, stored)
        return version, keys | lost, rules, clearings_of(stored[Kind.CACHE]), drains

    def _tell_anew(self, stored: Stored) -> None:
        """The store has lost its newest records, or all: it gets those back that we know, also where it has them as
        they were before."""
        keys, rules, drains = keys_of(stored[Kind.KEYS]), rules_of(stored[Kind.RULES]), drains_of(stored[Kind.DRAINS])
        lost = {
            name: key
            for name, key in self.tenants.known.items()
            if name not in keys or not (keys[name] == key or _newer(keys[name], key))
        }
        missing = {name: rule for name, rule in self._rules.items() if rules.get(name) != rule}
        ended = {name: drain for name, drain in self._drains.items() if drains.get(name) != drain}
        self._put_back(Kind.KEYS, lost, stored)
        self._put_back(Kind.RULES, missing, stored)
        self._put_back(Kind.DRAINS, ended, stored)

    def _put_back(self, kind: Kind, records: Mapping[str, Key | Rule | Drain], stored: Stored) -> None:
        """What somebody has changed since it was read stays so, and is looked at anew: the version is another one."""
        for name, record in records.items():
            self._beside.write([Write(kind, name, stored[kind].get(name), encoded(record))], ())

    def _find(self, name: str) -> Key | None:
        """One that is not known yet, or not with that secret."""
        if not self._local:
            now = time.monotonic()
            if now < self._ask_from:
                return None
            self._ask_from = now + ASKED_EVERY_S
        try:
            record = self._registry.find(Kind.KEYS, name, hasty=True)
        except Unavailable:
            return None
        return key_of(record) if record is not None else None


def _lost(known: Mapping[str, Key], keys: Mapping[str, Key]) -> dict[str, Key]:
    """Of the keys that are known, those that the store must have lost, also if it has gone on since: none is ever
    deleted, or good again under a secret before."""
    return {name: key for name, key in known.items() if name not in keys or _newer(key, keys[name])}


def _newer(key: Key, other: Key) -> bool:
    """Whether one record of a key is surely later than the other."""
    return not other.revoked and (key.revoked or key.former_digest == other.digest)
