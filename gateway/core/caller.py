"""Who asks: a virtual key, and the chain above it."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct


class Caller(Struct, frozen=True, gc=False, omit_defaults=True):
    """A key and the chain above it. Empty where there is none."""

    key_id: str = ""
    org: str = ""
    team: str = ""
    user: str = ""
    tags: tuple[str, ...] = ()  # Of the key.
    brought_tags: tuple[str, ...] = ()  # That one call brought besides.


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
    admin: bool = False  # May see everybody's calls; asks for models like any other key.
    models: tuple[str, ...] = ()  # The names it may ask for; empty for all.
    cache: bool = False  # Whether its answers are kept and given again.

    def may_use(self, model: str) -> bool:
        """Whether this key may ask for a model of that name."""
        return not self.models or model in self.models

    def good(self, now: float) -> bool:
        """Neither revoked nor expired."""
        return not self.revoked and (self.expires is None or now < self.expires)
