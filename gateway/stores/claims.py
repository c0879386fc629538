"""Claims on names, of idempotency keys and of alerts: of all who share a store, one makes the call, or tells."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

CLAIM_KEPT_S = 24 * 3600
"""How long a key names its call, from when it was first used."""


class State(StrEnum):
    """What has become of the call."""

    RUNNING = "running"
    ENDED = "ended"  # And was booked.
    UNRESOLVED = "unresolved"  # Its process died, or is not to come back.


class Claim(Struct, frozen=True):
    """One call's right to its key."""

    digest: str  # Of what was asked.
    request_id: str
    replica: str
    state: State = State.RUNNING


class Claims(Protocol):
    """Keeps them by name. Every method may raise gateway.core.errors.Unavailable."""

    async def claim(self, name: str, claim: Claim) -> Claim | None:
        """Claim a name. Returns the earlier claim if there is one, and then nothing has changed."""
        ...

    async def end(self, name: str, claim: Claim, state: State | None) -> None:
        """The call that made this claim is over; None: it came to nothing, and the name is free again. Repeated, or
        if the claim is not the one that stands, it changes nothing."""
        ...

    async def resume(self, replica: str | None) -> None:
        """A new process has the replica's name, or nobody ever will: its calls that ran are unresolved. None: those of
        all replicas, where none can be running."""
        ...

    async def resolve(self, request_id: str) -> bool:
        """Free the name of a call that is unresolved. Returns whether there was one."""
        ...

    async def sweep(self) -> None:
        """Drop what is older than CLAIM_KEPT_S."""
        ...

    async def close(self) -> None:
        """Let go of the store."""
        ...
