"""Work for calls that have time, beside the loop that begins it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from gateway.deferred.shelf import NotKept

DRAIN_S = 30.0
"""How long it may run on when the gateway stops."""

log = logging.getLogger("fareway.deferred")


class UnderWay:
    """See the module."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """What goes wrong with it is told, and ends nothing else."""
        task = asyncio.create_task(_guarded(work))
        self.keep(task)
        return task

    def keep(self, task: asyncio.Task[Any]) -> None:
        """It runs to its end, whoever waits for it."""
        self._tasks.add(task)
        task.add_done_callback(self._over)

    async def drain(self) -> None:
        """Wait for all, and break off what takes too long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # Whoever still waited for it has heard of it.


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except NotKept as error:
        log.warning("calls for later are not looked after now: %s", error)
    except Exception:
        log.exception("unhandled error in a call for later")
