"""Whom keys belong to, what rules were made for them while the gateway ran, and who changed what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from gateway.core.caller import Role
from gateway.core.limit import Limit


class Tenant(Struct, frozen=True, omit_defaults=True):
    """An org, a team or a user. Limits, keys and reports know it by its id."""

    id: str
    org: str = ""  # Of a team or a user.
    team: str = ""  # Of a user.
    name: str = ""  # For people.
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: float = 0.0


class Rule(Struct, frozen=True, omit_defaults=True):
    """A limit that was set while the gateway ran, beside those of the configuration."""

    limit: Limit
    by: Role = Role.ADMIN  # The role of who set it: what an admin has set, a team's admin may not change.


class Drain(Struct, frozen=True):
    """A backend that gets no new calls, whoever runs there."""

    at: float  # Unix seconds since when.
    by: str  # The key, or the user of the machine, that said so.


class Change(Struct, frozen=True, omit_defaults=True):
    """One line of the audit log: who did what to what, and when. Never a secret, nor what is kept of one."""

    at: float
    action: str  # "keys.rotate", for one.
    of: str  # The id of what was changed.
    actor: str  # The id of a key, or a user of the machine.
    via: str  # "api", "cli" or "start".
    alias: str = ""  # The actor's, for people.
    before: Any = None  # None: there was nothing.
    after: Any = None  # None: there is nothing any more.
