"""Live events on their way to a watcher."""

from __future__ import annotations

import asyncio

HEARTBEAT_S = 15.0
"""A comment on an idle stream of live events, so that proxies between keep it open."""


async def next_event(events: asyncio.Queue[bytes | None], heartbeat_s: float = HEARTBEAT_S) -> bytes | None:
    """What comes next, or a heartbeat; None once the gateway stops."""
    try:
        async with asyncio.timeout(heartbeat_s):
            return await events.get()
    except TimeoutError:
        return b": still here\n\n"
