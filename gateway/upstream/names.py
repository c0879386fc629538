"""Names and their addresses: asked once for a rush of connections, and again soon after."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

KEPT_S = 5.0
"""How long an answer is used: long enough for a rush, short against any change worth following."""

Addresses = list[tuple[Any, Any, int, str, Any]]


class Names:
    """Asks the system's resolver in a thread."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Task[Addresses]] = {}

    async def addresses(self, host: str, port: int) -> Addresses:
        """All addresses of a host. Raises OSError if it has none."""
        with suppress(OSError):  # An address needs no asking.
            flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
        asked = self._asked.get((host, port))
        if asked is None:
            asked = self._asked[host, port] = asyncio.create_task(self._ask(host, port))
            asked.add_done_callback(_seen)
        return await asyncio.shield(asked)  # Others may wait for the same.

    async def _ask(self, host: str, port: int) -> Addresses:
        loop = asyncio.get_running_loop()
        kept_s = 0.0
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            kept_s = KEPT_S
            return found
        finally:
            loop.call_later(kept_s, self._asked.pop, (host, port), None)


def _seen(asked: asyncio.Task[Addresses]) -> None:
    """Its failure concerns whoever waits, and is no news where nobody does."""
    if not asked.cancelled():
        asked.exception()
