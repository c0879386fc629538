"""Megabytes that the accounts of 10,000 tenants take: four levels, three windows each. Run by itself.

python memory.py
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from gateway.core.caller import Caller
from gateway.core.limit import Fare, Limit, Span, Unit
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.stores.base import Ask, Word

TENANTS = 10_000


PERIODS = 60
"""Until nothing is left of the pace at which they were used."""


class Grants:
    """A store of leases that says yes and remembers nothing: only the gateway's own memory counts."""

    exclusive = True
    epoch = 0

    async def exchange(self, _: str, asks: Sequence[Ask]) -> list[Word]:
        return [Word(ask.want, ask.spent) for ask in asks]


async def measured() -> tuple[float, int, float]:
    """Megabytes, how many accounts, and milliseconds that the event loop is busy with a sync of which none is news."""

    async def balances(_: list[str]) -> dict[str, int]:
        return {}

    leases = Leases(Grants(), "r", balances)
    rules = [
        Limit(f"{level}:*", Unit.USD, 10**12, span)
        for level, span in product(("org", "team", "user", "key"), (Span.HOUR, Span.DAY, Span.MONTH))
    ]
    limits = Limits(rules, leases, time.time)
    before = _rss_mb()
    for n in range(TENANTS):
        hold = await limits.hold(Caller(f"k{n:011}", f"o{n}", f"t{n}", f"u{n}"), Fare(nanos=10**6, output_tokens=10))
        hold.settle(Fare(nanos=10**5, output_tokens=10, concurrent=0))
        if n % 1000 == 0:
            await leases.sync(time.time())
    for _ in range(PERIODS):
        await leases.sync(time.time())
    taken, began = _rss_mb() - before, time.perf_counter()
    await leases.sync(time.time())
    return taken, sum(1 for _ in leases.accounts), (time.perf_counter() - began) * 1000


def _rss_mb() -> float:
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    print(*asyncio.run(measured()))
