"""What is done to a gateway. Each scenario takes a kind of gateway and an empty folder, and returns its figures."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import azure
import faults
from adapter import Kind, Terms
from calls import Call, Making
from world import TOKENS_PER_S, World, world

Figures = dict[str, Any]
Scenario = Callable[[Kind, Path], Awaitable[Figures]]

BURST = 256
STREAMS = 64
REFUSALS = 1000


async def strict(kind: Kind, folder: Path, replicas: int = 1) -> Figures:
    """256 callers at once, not streamed, onto a budget that pays for about half of their first calls; then until it
    is used up. Then how fast it is refused, and whether the store is asked for that."""
    make = Making(replicas, words=200, cap=200)
    terms = Terms(make.mean_picos * BURST // 2, replicas=replicas)
    async with world(kind, folder, terms) as it:
        await it.callers(BURST, make, seconds=20)
        figures = await it.judged()
        return figures | await _refusals(it, make)


async def _refusals(it: World, make: Making) -> Figures:
    """Milliseconds of the slowest of a hundred answers, once the limit is known to be used up; one at a time."""
    redis = it.gateway.redis
    await asyncio.sleep(0.5)
    before, began = (redis.commands() if redis else 0), time.monotonic()
    await asyncio.sleep(1)
    idle_per_s = ((redis.commands() if redis else 0) - before) / (time.monotonic() - began)
    before, began = (redis.commands() if redis else 0), time.monotonic()
    answers = [await it.ask(make(), n) for n in range(REFUSALS) if time.monotonic() < began + 15]
    asked = (redis.commands() if redis else 0) - before - idle_per_s * (time.monotonic() - began)
    took = sorted((call.ended - call.sent) * 1000 for call in answers)
    return {
        "refusal_p50_ms": round(took[len(took) // 2], 2),
        "refusal_p99_ms": round(took[len(took) * 99 // 100], 2),
        "refusal_store_calls": round(max(0.0, asked) / len(answers), 3),
        "refusals_not": sum(not call.refused for call in answers),
    }


async def progressive(kind: Kind, folder: Path, rounds: int = 3) -> Figures:
    """64 streams at once onto one budget, of 100 to 1,000 tokens each, until it is used up."""
    make = Making(64, words=200, cap=1000, spread=0.9, stream=True)
    terms = Terms(make.mean_picos * STREAMS * rounds)
    async with world(kind, folder, terms) as it:
        await it.callers(STREAMS, make, seconds=40)
        return await it.judged()


async def running_dry(kind: Kind, folder: Path) -> Figures:
    """64 streams of 3,000 tokens, all begun before the money is short, onto a budget that pays for half of each: what
    a stream that can hold no more overspends. They must end early, so how many do is no bar here."""
    make = Making(66, words=20, cap=3000, spread=0, stream=True)
    terms = Terms(make.mean_picos * STREAMS // 2)
    async with world(kind, folder, terms, tokens_per_s=2 * TOKENS_PER_S) as it:
        await asyncio.gather(*(it.ask(make()) for _ in range(STREAMS)))
        await it.callers(4, make, seconds=12)
        figures = await it.judged()
        return figures | {"cut_pct": None, "ended_early_pct": figures["cut_pct"]}


async def hang_ups(kind: Kind, folder: Path) -> Figures:
    """64 streams at once, of which two in three are left after some of their answer, until the budget is used up."""
    make, chance, number = Making(65, words=200, cap=600, stream=True), random.Random(65), count()
    terms = Terms(make.mean_picos * STREAMS * 3)

    def leaving() -> Call:
        call = make()
        if next(number) % 3:
            call.leave_after = chance.randrange(1, 60)
        return call

    async with world(kind, folder, terms) as it:
        await it.callers(STREAMS, leaving, seconds=30)
        return await it.judged()


async def rollover(kind: Kind, folder: Path, replicas: int = 4) -> Figures:
    """A window of a minute that ends under load, with most of it used up."""
    make, seconds = Making(60, words=200, cap=200), 8.0
    terms = Terms(make.mean_picos * 300, replicas=replicas, window="minute")
    async with world(kind, folder, terms) as it:
        if (left := 60 - time.time() % 60) > seconds:
            await asyncio.sleep(left - seconds)
        boundary = (time.time() // 60 + 1) * 60

        async def caller(number: int) -> None:
            while time.time() < boundary + seconds:
                call = await it.ask(make(), number)
                await asyncio.sleep(0 if call.admitted else 0.2)

        await asyncio.gather(*(caller(number) for number in range(48)))
        await asyncio.to_thread(it.gateway.rest)
        windows = {line.request: line.window for line in it.gateway.ledger() or ()}
        labels = sorted(filter(None, set(windows.values())))
        of_call = {line["call"]: windows.get(line["request"], "") for line in it.billed()}

        def window_of(call: Call) -> str:
            """The one that it was booked in; of a refused one, that in which it was refused."""
            return of_call.get(call.id) or labels[min(call.ended >= boundary, len(labels) - 1)]

        wrong = sum(
            (c.sent >= boundary and of_call[c.id] == labels[0]) or (c.ended < boundary and of_call[c.id] != labels[0])
            for c in it.calls
            if c.id in of_call
        )
        blind = [(boundary - 0.05, boundary + 0.05)]  # Which window refused then, nobody outside can tell.
        return await it.judged(budget_of=window_of, blind=blind, more={"wrong_window": wrong, "windows": len(labels)})


async def store_calls(kind: Kind, folder: Path, replicas: int = 4) -> Figures:
    """Far from any limit: how many more commands the store gets where more calls are made in the same time."""
    make = Making(7, words=50, cap=50)
    terms = Terms(make.mean_picos * 1_000_000, replicas=replicas)
    async with world(kind, folder, terms, whole_s=0.02) as it:
        redis = it.gateway.redis
        await it.callers(8, make, seconds=2)
        seen = []
        for callers in (2, 32):
            calls, commands = len(it.calls), redis.commands()
            await it.callers(callers, make, seconds=4)
            seen.append((len(it.calls) - calls, redis.commands() - commands))
        (few, at_few), (many, at_many) = seen
        figures = await it.judged()
        return figures | {
            "store_calls_per_call": round((at_many - at_few) / (many - few), 4),
            "store_calls_per_s": round(at_many / 4, 1),
            "calls_per_s": round(many / 4),
        }


SCENARIOS: dict[str, Scenario] = {
    "strict": strict,
    "strict-4": partial(strict, replicas=4),
    "strict-8": partial(strict, replicas=8),
    "progressive": progressive,
    "running-dry": running_dry,
    **{
        f"trace-x{speed}-{replicas}": partial(azure.replayed, speed=speed, replicas=replicas)
        for speed in (10, 50)
        for replicas in (1, 4, 8)
    },
    "crash": faults.crash,
    "redis-killed": faults.redis_killed,
    "redis-frozen": faults.redis_frozen,
    "redis-flushed": faults.redis_flushed,
    "hang-ups": hang_ups,
    "rollover": rollover,
    "store-calls": store_calls,
}
SHORT: dict[str, Scenario] = {
    "strict": strict,
    "strict-4": SCENARIOS["strict-4"],
    "progressive": partial(progressive, rounds=2),
    "crash": faults.crash,
}
