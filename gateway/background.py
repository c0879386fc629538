"""What a gateway does beside its calls, until it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Protocol

from gateway.core.errors import Unavailable
from gateway.ledger.mover import Mover
from gateway.limits.leases import Leases
from gateway.stores.base import KEPT_S
from gateway.stores.claims import Claims

AUDIT_EVERY_S = SWEEP_EVERY_S = 60

LOOKED_EVERY_S = 0.05
"""At how late the event loop is: often enough to see whatever holds it up for as long."""

log = logging.getLogger("fareway")


class Sweeping(Protocol):
    """What keeps things for a while."""

    async def sweep(self, before: float) -> object: ...  # noqa: D102 - forget what is older than that Unix time


def run(works: tuple[Coroutine[Any, Any, None], ...], stack: AsyncExitStack, failed: asyncio.Event) -> None:
    """Until the stack is left. `failed` is set if any of them dies."""
    for work in works:
        task = asyncio.create_task(_guarded(work, failed))
        stack.push_async_callback(_cancelled, task)


async def look_at_lag(observe: Callable[[float], None]) -> None:
    """How many seconds after its time a timer goes off, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOKED_EVERY_S
        await asyncio.sleep(LOOKED_EVERY_S)
        observe(max(0.0, loop.time() - due))


async def audit(mover: Mover, leases: Leases) -> None:
    """Compare the books for ever."""
    while True:
        await asyncio.sleep(AUDIT_EVERY_S)
        with suppress(Unavailable):  # The next one will do.
            await mover.audit(leases.accounts)


async def sweep(claims: Claims, clock: Callable[[], float], *stores: Sweeping) -> None:
    """Let each forget what is over, for ever. One that is away keeps no other from it."""
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        with suppress(Unavailable):
            await claims.sweep()
        for store in stores:
            with suppress(Unavailable):
                await store.sweep(clock() - KEPT_S)


async def _guarded(work: Coroutine[Any, Any, None], failed: asyncio.Event) -> None:
    try:
        await work
    except Exception:
        log.exception("a background task died; the gateway stops")
        failed.set()


async def _cancelled(task: asyncio.Task[None]) -> None:
    while not task.done():  # Again, should something have swallowed it.
        task.cancel()
        await asyncio.wait([task], timeout=1)
