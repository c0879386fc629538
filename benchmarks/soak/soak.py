"""One soak: a gateway of two processes, fifty tenants, every dialect, and all books beside each other at the end."""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[2] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "journey"), str(TESTS / "admin"), str(Path(__file__).parent)]

from api import Api  # noqa: E402
from resident import resident  # noqa: E402
from road import Road, road  # noqa: E402
from soak_books import books, by_rule  # noqa: E402
from soak_traffic import KNOWN, UNKNOWN, Seen, Tenant, traffic  # noqa: E402

TENANTS = 50
POOR = 5
WARM_UP_S = 3.0
"""Memory is first looked at when all that is made once is made."""

CONFIG = """
server: {workers: 2}
providers:
  sim: {base_url: SIM_URL/v1}
limits:
  - {node: "key:*", amount: 90 usd, window: month}
"""
CONFIG += "".join(
    f"  - {{node: team:t{number}, amount: {0.002 if number < POOR else 100} usd, window: month}}\n"
    for number in range(TENANTS)
)


@dataclass(frozen=True)
class Part:
    """What one part of a soak came to."""

    seen: Seen
    books: dict[str, int]  # Pico-dollars since the start of the gateway.
    by_rule: dict[str, dict[str, Any]]  # Calls on whose cost bill and ledger may differ, by how they ended.
    wrong: list[str]  # Those on which they must not, and do.

    @property
    def broken(self) -> list[str]:
        """Why it did not hold."""
        ours = {amount for name, amount in self.books.items() if name != "provider_bill"}
        apart = sum(one["booked_picos"] - one["billed_picos"] for one in self.by_rule.values())
        differ = len(ours) > 1 or ours != {self.books["provider_bill"] + apart}
        return [*([f"the books differ: {self.books}, by rule {apart}"] if differ else []), *self.wrong]


@dataclass(frozen=True)
class Soaked:
    """Both parts: what costs is known, and then callers that leave and streams that break off as well."""

    known: Part
    all: Part
    memory_mb: tuple[float, float]  # Of the gateway's processes together: at the start, at the end.


def soak(folder: Path, seconds: float, a_second: int = 60, seed: int = 1) -> Soaked:
    """Two thirds of the time calls whose cost both sides know, then calls of all kinds. Raises AssertionError if the
    gateway logs a bug."""
    with road(folder, CONFIG, "--output-tokens", "20") as way:
        api, dice = Api.of(way, way.admin), random.Random(seed)
        tenants = [_tenant(api, number) for number in range(TENANTS)]
        dashboard = api.url.removesuffix("/admin/v1") + "/dashboard"

        def part(kinds: dict[str, int], seconds: float) -> Part:
            seen = asyncio.run(traffic(lambda: way.url, tenants, kinds, dice, seconds=seconds, a_second=a_second))
            return Part(seen, books(way, dashboard), *by_rule(way.bill(), [way.gate.home]))

        part(KNOWN, WARM_UP_S)
        before = _memory_mb(way)
        known = part(KNOWN, seconds * 2 / 3)
        everything = part(KNOWN | UNKNOWN, seconds / 3)
        return Soaked(known, everything, (before, _memory_mb(way)))


def _tenant(api: Api, number: int) -> Tenant:
    api.post("/teams", {"id": f"t{number}"})
    return Tenant(api.key(team=f"t{number}", alias=f"tenant {number}")[1], poor=number < POOR)


def _memory_mb(way: Road) -> float:
    """Resident, of the supervisor and its workers."""
    first = way.gate.process.pid
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return sum(resident(int(pid)) for pid in (first, *children)) / (1 << 20)
