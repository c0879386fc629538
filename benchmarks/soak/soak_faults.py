"""What goes wrong while callers go on: one thing at a time, for some seconds, and then all is well again."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from api import Api
from chaos_proxy import NONE, SILENT, ChaosProxy, End, Toxics
from soak_callers import fail_a_wave, hang_up_a_wave, hostile_bodies, slow_readers
from soak_feed import BROKEN, GOOD
from soak_stage import Stage

Work = Callable[[Stage, random.Random, float], Awaitable[None]]
"""Breaks something for about so many seconds, and mends it."""

PROVIDER_FAILS = frozenset({429, 502, 503, 504})
PROVIDER_AFTER_S = 8.0
"""Answers that hang are given up (soak_stage.CONFIG), and then breakers open."""

STORE_FAILS = frozenset({503})
CLOCK_STEPS = ("+300", "-300", "+3600", "-90000")
LIMIT = {"node": "all", "amount": "100000 usd", "window": "lifetime"}


@dataclass(frozen=True, slots=True)
class Fault:
    """`excused`: what callers may be told meanwhile. `loses`: whether their connections may break off."""

    work: Work
    excused: frozenset[int] = frozenset()
    loses: bool = False
    after_s: float = 3.0  # So long after it calls may still fail by it: a store learns.
    possible: Callable[[Stage], bool] = lambda _: True


async def _provider_resets(stage: Stage, dice: random.Random, seconds: float) -> None:
    for _ in range(5):
        await asyncio.to_thread(stage.to_provider.drop)
        await asyncio.sleep(seconds / 5 * dice.random())


async def _provider_cuts(stage: Stage, dice: random.Random, seconds: float) -> None:
    end = dice.choice((End.CLOSE, End.RESET, End.BLACKHOLE))
    stage.to_provider.down = Toxics(limit_bytes=dice.randrange(1, 5000), end=end)
    await _for_a_while(stage.to_provider, seconds)


async def _provider_slow(stage: Stage, dice: random.Random, seconds: float) -> None:
    stage.to_provider.both(Toxics(latency_s=0.2, jitter_s=0.3, slice_bytes=dice.randrange(50, 500)))
    await _for_a_while(stage.to_provider, seconds)


async def _provider_silent(stage: Stage, dice: random.Random, seconds: float) -> None:
    del dice
    stage.to_provider.both(SILENT)
    await _for_a_while(stage.to_provider, seconds)


async def _provider_frozen(stage: Stage, dice: random.Random, seconds: float) -> None:
    del dice
    process = stage.gates[0].sim.process
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        process.send_signal(signal.SIGCONT)


async def _store_killed(stage: Stage, dice: random.Random, seconds: float) -> None:
    """It forgets all."""
    del dice
    stage.redis.kill()
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(stage.redis.start)


async def _store_frozen(stage: Stage, dice: random.Random, seconds: float) -> None:
    del dice
    stage.redis.freeze()
    try:
        await asyncio.sleep(seconds)
    finally:
        stage.redis.thaw()


async def _store_flushed(stage: Stage, dice: random.Random, seconds: float) -> None:
    del dice
    await asyncio.to_thread(stage.redis.say, "FLUSHALL")
    await asyncio.sleep(seconds)


async def _store_slow(stage: Stage, dice: random.Random, seconds: float) -> None:
    stage.to_store.both(Toxics(latency_s=0.1, jitter_s=0.3 * dice.random()))
    await _for_a_while(stage.to_store, seconds)


async def _store_resets(stage: Stage, dice: random.Random, seconds: float) -> None:
    for _ in range(5):
        await asyncio.to_thread(stage.to_store.drop)
        await asyncio.sleep(seconds / 5 * dice.random())


async def _store_cut_off(stage: Stage, dice: random.Random, seconds: float) -> None:
    del dice
    stage.to_store.both(SILENT)
    await _for_a_while(stage.to_store, seconds)


async def _for_a_while(proxy: ChaosProxy, seconds: float) -> None:
    """Then the connections that were hurt are reset: what of an answer is missing does not come any more."""
    try:
        await asyncio.sleep(seconds)
    finally:
        proxy.both(NONE)
        await asyncio.to_thread(proxy.drop)


async def _limits_changed(stage: Stage, dice: random.Random, seconds: float) -> None:
    """Below what is spent, and back."""
    api = Api.of(stage.gates[0], stage.gates[0].admin)
    try:
        for _ in range(4):
            amount = f"{dice.choice((0.01, 5000, 70000))} usd"
            await asyncio.to_thread(api.put, "/limits", LIMIT | {"amount": amount})
            await asyncio.sleep(seconds / 4)
    finally:
        await asyncio.to_thread(api.put, "/limits", LIMIT)


async def _configuration_changed(stage: Stage, dice: random.Random, seconds: float) -> None:
    """In small things, and sometimes into what is none; and back."""
    try:
        for _ in range(6):
            changed = dice.choice(
                (
                    stage.config.replace("failures: 12", f"failures: {dice.randrange(10, 20)}"),
                    stage.config.replace("ttl: 1m", f"ttl: {dice.randrange(10, 90)}s"),
                    stage.config[: dice.randrange(len(stage.config))] + "\n  - {node: nobody",
                )
            )
            stage.reconfigure(changed)
            await asyncio.sleep(seconds / 6)
    finally:
        stage.reconfigure(stage.config)


async def _feed_broken(stage: Stage, dice: random.Random, seconds: float) -> None:
    stage.feed.says = BROKEN[dice.choice(sorted(BROKEN))]
    try:
        await asyncio.sleep(seconds)
    finally:
        stage.feed.says = (200, GOOD)


async def _gateway_killed(stage: Stage, dice: random.Random, seconds: float) -> None:
    del dice
    stage.open.discard(1)
    stage.gates[1].gate.kill()
    stage.died += 1
    await asyncio.sleep(seconds / 3)
    await asyncio.to_thread(stage.restart, 1)


async def _gateway_rolled(stage: Stage, dice: random.Random, seconds: float) -> None:
    """As in a deployment: callers go elsewhere, and what was begun ends."""
    del dice, seconds
    stage.open.discard(1)
    assert await asyncio.to_thread(stage.gates[1].gate.stop) == 0
    await asyncio.to_thread(stage.restart, 1)


async def _disk_full(stage: Stage, dice: random.Random, seconds: float) -> None:
    """The journal's, for a second."""
    del dice
    filler = stage.small_disk / "filler"
    try:
        await asyncio.to_thread(_fill, filler)
        await asyncio.sleep(min(1.0, seconds))
    finally:
        filler.unlink()


def _fill(filler: object) -> None:
    with open(str(filler), "wb", buffering=0) as file, suppress(OSError):  # noqa: PTH123 - a path
        for size in (1 << 20, 1 << 12, 1 << 9):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass


async def _clock_steps(stage: Stage, dice: random.Random, seconds: float) -> None:
    """The first gateway's; every other clock stays."""
    stage.clock_file.write_text(dice.choice(CLOCK_STEPS) + "\n")
    try:
        await asyncio.sleep(seconds)
    finally:
        stage.clock_file.write_text("+0\n")


FAULTS = {
    "provider resets": Fault(_provider_resets, PROVIDER_FAILS, after_s=PROVIDER_AFTER_S),
    "provider cuts": Fault(_provider_cuts, PROVIDER_FAILS, after_s=PROVIDER_AFTER_S),
    "provider slow": Fault(_provider_slow, PROVIDER_FAILS, after_s=PROVIDER_AFTER_S),
    "provider silent": Fault(_provider_silent, PROVIDER_FAILS, after_s=PROVIDER_AFTER_S),
    "provider frozen": Fault(_provider_frozen, PROVIDER_FAILS, after_s=PROVIDER_AFTER_S),
    "provider fails": Fault(fail_a_wave, PROVIDER_FAILS, after_s=PROVIDER_AFTER_S),
    "store killed": Fault(_store_killed, STORE_FAILS),
    "store frozen": Fault(_store_frozen, STORE_FAILS),
    "store flushed": Fault(_store_flushed, STORE_FAILS),
    "store slow": Fault(_store_slow, STORE_FAILS),
    "store resets": Fault(_store_resets, STORE_FAILS),
    "store cut off": Fault(_store_cut_off, STORE_FAILS),
    "callers hang up": Fault(hang_up_a_wave),
    "callers read slowly": Fault(slow_readers),
    "hostile bodies": Fault(hostile_bodies),
    "limits changed": Fault(_limits_changed, frozenset({429})),
    "configuration changed": Fault(_configuration_changed),
    "price feed broken": Fault(_feed_broken),
    "gateway killed": Fault(_gateway_killed, loses=True),
    "gateway rolled": Fault(_gateway_rolled),
    "disk full": Fault(_disk_full, STORE_FAILS, possible=lambda stage: stage.fills_disks),
    "clock steps": Fault(_clock_steps, possible=lambda stage: stage.fakes_clocks),
}
