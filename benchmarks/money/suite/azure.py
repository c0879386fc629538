"""A public trace of an hour's conversations (Azure, 2023), faster than it was, over fifty tenants of unequal size."""

from __future__ import annotations

import csv
import os
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from adapter import Kind, Terms
from calls import Call, picos_of
from world import world

SHARED = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[4] / "shared")
TRACE = SHARED / "data" / "azure" / "AzureLLMInferenceTrace_conv.csv"
TENANTS = 50
ZIPF = 1.1
CAP = 1024
"""What callers allow; the longest answer of the trace has 1,000 tokens."""

SECONDS = 22.0
TOKENS_PER_S = 400.0


def missing() -> str | None:
    """Why it cannot be replayed."""
    return None if TRACE.exists() else f"no trace at {TRACE}: set FAREWAY_SHARED"


def arrivals(speed: int, replicas: int) -> Iterator[tuple[float, Call, int]]:
    """The first stretch of it: seconds from now, a call, and who is asked. Half of the calls stream."""
    chance = random.Random(speed)
    names = [f"t{n}" for n in range(TENANTS)]
    weights = [1 / (n + 1) ** ZIPF for n in range(TENANTS)]
    with TRACE.open() as file:
        first = None
        for number, row in enumerate(csv.DictReader(file)):
            at = datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp()
            first = at if first is None else first
            due = (at - first) / speed
            if due > SECONDS:
                return
            words, made = int(row["ContextTokens"]), int(row["GeneratedTokens"])
            tenant = chance.choices(names, weights)[0]
            call = Call(f"a{number}", tenant, words, made, CAP, stream=chance.random() < 0.5)
            yield due, call, chance.randrange(replicas)


def budget(speed: int) -> int:
    """The same for every tenant: six tenths of what the third largest asks for. So some run dry, and most do not."""
    asked = Counter[str]()
    for _, call, _ in arrivals(speed, 1):
        asked[call.tenant] += picos_of(call.words, call.made)
    return sorted(asked.values())[-3] * 6 // 10


async def replayed(kind: Kind, folder: Path, speed: int = 10, replicas: int = 1) -> dict[str, Any]:
    terms = Terms(budget(speed), tuple(f"t{n}" for n in range(TENANTS)), replicas)
    async with world(kind, folder, terms, tokens_per_s=TOKENS_PER_S, whole_s=0.5) as it:
        await it.arrivals(arrivals(speed, replicas))
        return await it.judged()
