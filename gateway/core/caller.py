"""Who asks: a virtual key, and the chain above it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct


class Caller(Struct, frozen=True, gc=False, omit_defaults=True):
    """A key and the chain above it. Empty where there is none."""

    key_id: str = ""
    org: str = ""
    team: str = ""
    user: str = ""
    tags: tuple[str, ...] = ()  # Of the key.
    brought_tags: tuple[str, ...] = ()  # That one call brought besides.


class Role(StrEnum):
    """What the holder of a key may see and change beside making calls."""

    CALLER = "caller"  # Its own calls.
    VIEWER = "viewer"  # Sees everything but secrets, and changes nothing.
    TEAM_ADMIN = "team-admin"  # Has the keys, users and limits below its own team.
    ADMIN = "admin"  # May do everything.


@dataclass(frozen=True, slots=True)
class Key:
    """One virtual key, without its secret."""

    id: str
    digest: bytes  # HMAC-SHA-256(pepper, secret).
    caller: Caller = Caller()
    alias: str = ""
    created: float = 0.0
    expires: float | None = None
    revoked: bool = False
    role: Role = Role.CALLER
    models: tuple[str, ...] = ()  # The names it may ask for; empty for all.
    cache: bool = False  # Whether its answers are kept and given again.
    networks: tuple[str, ...] = ()  # Where it may be used from, such as 10.0.0.0/8; empty for anywhere.
    metadata: Mapping[str, str] = field(default_factory=dict)
    former_digest: bytes = b""  # Of the secret before this one,
    former_until: float = 0.0  # which is good until then.
    deadline_s: float | None = None  # By when its calls want their answers where they do not say; None: now.
    webhook: str = ""  # That hears of those which were answered later.

    def may_use(self, model: str) -> bool:
        """Whether this key may ask for a model of that name."""
        return not self.models or model in self.models

    def good(self, now: float) -> bool:
        """Neither revoked nor expired."""
        return not self.revoked and (self.expires is None or now < self.expires)

    @property
    def sees_all(self) -> bool:
        """Whether its holder may see everybody's calls."""
        return self.role in (Role.ADMIN, Role.VIEWER)

    def sees(self, caller: Caller) -> bool:
        """Whether its holder may see the calls of that one."""
        if self.role is Role.TEAM_ADMIN and self.caller.team:
            return caller.team == self.caller.team
        return self.sees_all or caller.key_id == self.id
