"""Scenarios in which something dies: a replica, or the Redis that replicas share."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from adapter import Kind, Terms
from calls import Call, Making
from world import World, world

Figures = dict[str, Any]

DEAD_S = 1.5
"""How long what was killed stays dead, and what was frozen frozen: a little longer than any lease lasts."""

LEARNED_S = 1.5
"""A store that forgot leases nothing new for a second, and then replicas hear of it at their next syncs."""

WAIT_MS_MAX = 60
"""No call waits longer for a store that does not answer."""


async def crash(kind: Kind, folder: Path) -> Figures:
    """SIGKILL of one of four replicas with more than a hundred of its calls in flight; it is started again in its
    home, and the budget is used up after that. `recover_s`: from its start to its first good answer."""
    make = Making(4, words=200, cap=200)
    terms = Terms(make.mean_picos * 1500, replicas=4)
    async with world(kind, folder, terms, whole_s=0.6) as it:
        load = asyncio.create_task(
            it.callers(128 + 48, make, seconds=25, replica=lambda n: 0 if n < 128 else 1 + n % 3)
        )
        await asyncio.sleep(1.5)
        in_flight = sum(call.replica == 0 and not call.ended for call in it.calls)
        killed = time.time()
        await asyncio.to_thread(it.gateway.kill, 0)
        await asyncio.sleep(DEAD_S)
        began = time.time()
        await asyncio.to_thread(it.gateway.restart, 0)
        await load
        good = [c.ended for c in it.calls if c.replica == 0 and c.admitted and c.sent > killed]
        back = min(good, default=time.time())
        return await it.judged(
            recover_s=round(back - began, 2),
            blind=[(killed, back + 0.5)],
            more={"in_flight_at_the_kill": in_flight},
        )


async def redis_killed(kind: Kind, folder: Path) -> Figures:
    """SIGKILL of Redis, which writes its file every second; it is started again with what it has there."""

    async def fault(it: World) -> None:
        await asyncio.to_thread(it.gateway.redis.kill)
        await asyncio.sleep(DEAD_S)
        await asyncio.to_thread(it.gateway.redis.start)

    return await _with_fault(kind, folder, fault)


async def redis_frozen(kind: Kind, folder: Path) -> Figures:
    """SIGSTOP of Redis for two seconds: connections stay open, and nothing answers."""

    async def fault(it: World) -> None:
        it.gateway.redis.tell(signal.SIGSTOP)
        await asyncio.sleep(2)
        it.gateway.redis.tell(signal.SIGCONT)

    return await _with_fault(kind, folder, fault)


async def redis_flushed(kind: Kind, folder: Path) -> Figures:
    """FLUSHALL: Redis forgets everything, and says so to nobody. The keys of callers, which were there too, are put
    back at once."""

    async def fault(it: World) -> None:
        await asyncio.to_thread(it.gateway.redis.say, "FLUSHALL")
        await asyncio.to_thread(it.gateway.restore_keys)

    figures = await _with_fault(kind, folder, fault)
    return {name: value for name, value in figures.items() if name != "waited_too_long"}  # It answers all the time.


async def _with_fault(kind: Kind, folder: Path, fault: Callable[[World], Awaitable[None]]) -> Figures:
    """Four replicas under a steady load, which would use the budget up two seconds after the fault is over."""
    make, rate, seconds, whole_s = Making(11, words=200, cap=200), 120, 10.0, 0.05
    terms = Terms(make.mean_picos * int(rate * seconds * 0.65), replicas=4, patient=False)
    async with world(kind, folder, terms, whole_s=whole_s) as it:
        due = ((n / rate, make(), n) for n in range(int(rate * seconds)))
        load = asyncio.create_task(it.arrivals(due))
        await asyncio.sleep(1.5)
        warm = time.time()
        await asyncio.sleep(1.5)
        began = time.time()
        await fault(it)
        ended = time.time()
        await load
        failed = [c.ended for c in it.calls if c.sent >= began and c.status not in {200, 429}]
        recovered = max([ended, *failed])
        during = [c for c in it.calls if began <= c.sent and c.ended <= ended]
        return await it.judged(
            recover_s=round(recovered - ended, 2),
            blind=[(began, recovered + LEARNED_S)],
            more=_waits(during, whole_s)
            | {"before": _waits([c for c in it.calls if warm < c.sent and c.ended < began], whole_s)},
        )


def _waits(calls: list[Call], whole_s: float) -> Figures:
    """What the gateway added to calls, in milliseconds: an answer takes `whole_s` by itself, a refusal nothing."""
    added = sorted((c.ended - c.sent - (whole_s if c.admitted else 0)) * 1000 for c in calls)
    if not added:
        return {}
    return {
        "added_p50_ms": round(added[len(added) // 2], 1),
        "added_p99_ms": round(added[len(added) * 99 // 100], 1),
        "added_max_ms": round(added[-1], 1),
        "waited_too_long": sum(ms > WAIT_MS_MAX for ms in added),
    }
