"""One change at a time, each written together with its line in the audit log or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from msgspec import to_builtins

from gateway.core.caller import Key
from gateway.core.errors import Unavailable
from gateway.core.tenant import Change
from gateway.directory.actor import Actor
from gateway.stores.registry import Kind, Registry, Write, change_of, encoded

TRIES_MAX = 20
"""Somebody else may change the same record at the same time: then it is read again."""

_SECRET = frozenset({"digest", "former_digest"})

T = TypeVar("T")


class Audited:
    """The records of a store, as they are changed. Every method may raise Unavailable."""

    def __init__(self, registry: Registry, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._clock = clock

    def change(
        self,
        actor: Actor,
        verb: str,
        kind: Kind,
        name: str,
        *,
        decode: Callable[[bytes], T],
        step: Callable[[T | None], T | None],
    ) -> T | None:
        """Make `step` of what is there now, and return it. None: nothing is there. `step` may raise, and then nothing
        changes."""
        for _ in range(TRIES_MAX):
            record = self._registry.find(kind, name)
            old = decode(record) if record is not None else None
            new = step(old)
            line = self._line(actor, f"{kind}.{verb}", name, old, new)
            write = Write(kind, name, record, encoded(new) if new is not None else None)
            if self._registry.write([write], [line]):
                return new
        raise Unavailable("Others change the same all the time. Try again.")

    def note(self, actor: Actor, action: str, of: str, after: object = None) -> None:
        """A line about a change of something that is kept elsewhere."""
        self._registry.write((), [self._line(actor, action, of, None, after)])

    def log(self, before: int | None, count: int) -> list[tuple[int, Change]]:
        """The last lines, newest first, with their numbers; those before a number, if one is given."""
        return [(number, change_of(note)) for number, note in self._registry.notes(before, count)]

    def _line(self, actor: Actor, action: str, of: str, before: object, after: object) -> bytes:
        told = (_shown(before), _shown(after))
        return encoded(Change(self._clock(), action, of, actor.id, actor.via, actor.alias, *told))


def _shown(record: object) -> Any:
    """A record as the audit log tells it: without what is kept of secrets."""
    if isinstance(record, Key):
        return {f.name: to_builtins(getattr(record, f.name)) for f in fields(record) if f.name not in _SECRET}
    return to_builtins(record)
