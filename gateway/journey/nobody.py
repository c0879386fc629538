"""The caller's end of a connection once the caller is gone, of a stream that goes on for others."""

from __future__ import annotations

from collections.abc import Mapping


class Nobody:
    """Reads nothing, always keeps up, never leaves. Implements `gateway.journey.passage.Client`."""

    def origin(self) -> str:
        """From nowhere."""
        return ""

    def may_leave(self) -> None:
        """It has left."""

    def stays(self) -> None:
        """It ends nothing any more."""

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Unheard."""

    async def write(self, chunk: bytes) -> None:
        """Unheard."""

    def offer(self, chunk: bytes) -> bool:
        """Unheard."""
        del chunk
        return True

    async def keep_up(self) -> None:
        """There is nothing to catch up with."""

    async def finish(self) -> None:
        """Unheard."""

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Unheard."""
