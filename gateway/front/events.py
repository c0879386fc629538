"""Live events on their way to a watcher, for as long as it may see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from gateway.core.caller import Key
from gateway.core.errors import GatewayError, Unavailable
from gateway.front.exchange import Exchange
from gateway.front.together import Events, Together
from gateway.telemetry.live import TooManyWatchers

HEARTBEAT_S = 15.0
"""A comment on an idle stream of live events, so that proxies between keep it open."""

LOOKED_EVERY_S = 0.5
"""How long, once it is known that a key has ended, its holder's idle stream stays open."""


async def live(exchange: Exchange, together: Together, who: Callable[[], Key], *, own: bool = False) -> None:
    """Server-sent events: one for each settled call of this key, or of all where it sees these and is not to see its
    own alone. `who` tells the key as it is now, and raises GatewayError once it is not good any more."""
    exchange.may_leave()  # Else whoever has left would take a place until the next heartbeat.
    key = who()
    everything = key.sees_all and not own
    try:
        async with together.watch(key.id, everything=everything) as events:
            await exchange.start(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
            await exchange.write(b": watching\n\n")
            async for event in while_seen(events, who, everything=everything):
                await exchange.write(event)
    except TooManyWatchers:
        raise Unavailable("Too many are watching.") from None
    await exchange.finish()


async def while_seen(
    events: Events, who: Callable[[], Key], *, everything: bool, heartbeat_s: float = HEARTBEAT_S
) -> AsyncIterator[bytes]:
    """What comes, and heartbeats, until the gateway stops or whoever watches may not see that any more."""
    now = asyncio.get_running_loop().time
    told_at = now()
    while True:
        try:
            async with asyncio.timeout(LOOKED_EVERY_S):
                event = await events.get()
        except TimeoutError:
            event = b": still here\n\n" if now() - told_at >= heartbeat_s else b""
        if event is None or not _sees(who, everything=everything):
            return
        if event:
            told_at = now()
            yield event


def _sees(who: Callable[[], Key], *, everything: bool) -> bool:
    try:
        key = who()
    except GatewayError:
        return False
    return key.sees_all or not everything
