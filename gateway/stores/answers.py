"""Answers that outlive a process, shared by all that use one store. Only their owner is asked: nothing here knows what
an answer says.

Every method may raise gateway.core.errors.Unavailable, and none makes a call wait longer than WAIT_S.
"""

from __future__ import annotations

from typing import Protocol

from gateway.core.clearing import Clearing, Label

WAIT_S = 0.05
"""How long a call may wait for a kept answer before it asks for a new one."""


class AnswerStore(Protocol):
    """Keeps records by the name of their question. Those that end soonest go first once all together are too large."""

    async def find(self, name: bytes) -> bytes | None:
        """The record, if there is one and it is fresh."""
        ...

    async def keep(self, name: bytes, record: bytes, label: Label, until: float) -> None:
        """Keep it until then (Unix seconds), in place of one of the same name."""
        ...

    async def clear(self, clearing: Clearing) -> int:
        """Forget what this covers, and return how many records that were."""
        ...

    async def close(self) -> None:
        """Let go of the store."""
        ...
