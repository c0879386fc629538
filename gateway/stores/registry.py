"""What a store of keys, tenants, rules, the audit log, files and batches must do; and how the first are written in it.

Records are kept as they were written. Every change is one atomic write together with its lines of the
audit log, and is made only if nothing has changed since its maker looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from gateway.core.caller import Key, Role
from gateway.core.clearing import Clearing
from gateway.core.tenant import Change, Drain, Rule, Tenant


class Kind(StrEnum):
    """What is kept. The names of tables and hashes."""

    KEYS = "keys"
    ORGS = "orgs"
    TEAMS = "teams"
    USERS = "users"
    RULES = "rules"
    FILES = "files"  # At providers, and whose they are.
    BATCHES = "batches"
    JOBS = "jobs"  # Training jobs whose books are open,
    ENDED_JOBS = "ended_jobs"  # and those that are over.
    CACHE = "cache"  # What was cleared of it.
    DRAINS = "drains"  # Backends that get no new calls.


FOLLOWED = frozenset(Kind) - {Kind.FILES, Kind.BATCHES, Kind.JOBS, Kind.ENDED_JOBS}
"""Of what every process keeps a copy, which it reads anew when the version says so."""


class Write(NamedTuple):
    """One record that becomes another one. None: there is none."""

    kind: Kind
    id: str
    before: bytes | None
    after: bytes | None


class Registry(Protocol):
    """Keeps the records. Every method may raise gateway.core.errors.Unavailable."""

    def all(self, kind: Kind) -> dict[str, bytes]:
        """Every record of a kind, by id."""
        ...

    def find(self, kind: Kind, name: str, *, hasty: bool = False) -> bytes | None:
        """The record of that id. `hasty`: a call waits for it."""
        ...

    def write(self, writes: Sequence[Write], notes: Sequence[bytes]) -> bool:
        """Make all of these changes and add these lines to the audit log; or none of it where something is not any
        more as it was before. Whether it was done."""
        ...

    def notes(self, before: int | None, count: int) -> list[tuple[int, bytes]]:
        """The last lines of the audit log, newest first, with their numbers; those before a number, if one is given."""
        ...

    @property
    def version(self) -> int:
        """Another number after every write of what is FOLLOWED, by whoever it was."""
        ...

    def lift(self, version: int) -> None:
        """From now on the version is later than this one, which a store had before it forgot."""
        ...

    def close(self) -> None:
        """Let go of the file or the connection."""
        ...


class _Earlier(msgspec.Struct):
    """What earlier versions said of a key in other words."""

    admin: bool = False


_key = msgspec.json.Decoder(Key)
_earlier = msgspec.json.Decoder(_Earlier)
_tenant = msgspec.json.Decoder(Tenant)
_rule = msgspec.json.Decoder(Rule)
_clearing = msgspec.json.Decoder(Clearing)
_drain = msgspec.json.Decoder(Drain)
_change = msgspec.json.Decoder(Change)
encoded = msgspec.json.encode


def key_of(record: bytes) -> Key:
    """A key, also one that an earlier version has written."""
    key = _key.decode(record)
    return replace(key, role=Role.ADMIN) if _earlier.decode(record).admin else key


def keys_of(records: Mapping[str, bytes]) -> dict[str, Key]:
    """Every key, revoked ones included."""
    return {name: key_of(record) for name, record in records.items()}


def rules_of(records: Mapping[str, bytes]) -> dict[str, Rule]:
    """Every rule that was set at run time, by the id of its limit: in their order, so that of two that are equally
    narrow the same one rules in every process."""
    return {name: rule_of(record) for name, record in sorted(records.items())}


def clearings_of(records: Mapping[str, bytes]) -> list[Clearing]:
    """What kept answers are not to be given any more."""
    return [clearing_of(record) for record in records.values()]


def drains_of(records: Mapping[str, bytes]) -> dict[str, Drain]:
    """Every backend that gets no new calls, by its id."""
    return {name: drain_of(record) for name, record in records.items()}


def drain_of(record: bytes) -> Drain:
    """One of these."""
    return _drain.decode(record)


def clearing_of(record: bytes) -> Clearing:
    """One of these."""
    return _clearing.decode(record)


def tenant_of(record: bytes) -> Tenant:
    """An org, a team or a user."""
    return _tenant.decode(record)


def rule_of(record: bytes) -> Rule:
    """A rule that was set at run time."""
    return _rule.decode(record)


def change_of(note: bytes) -> Change:
    """A line of the audit log."""
    return _change.decode(note)
