"""A soak in which something breaks all the time: two gateways on one Redis at most of what the machine carries."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from api import Api, calls
from road import eventually
from soak_books import Told, billed, by_rule, kept_books
from soak_faults import FAULTS, Fault
from soak_stage import Stage, stage
from soak_traffic import KNOWN, UNKNOWN, Seen, Tenant, traffic
from soak_vitals import Sample, Slope, Vitals, sample, slope

from gateway.core.errors import Overloaded

TENANTS = 50
POOR = 5
KINDS = {kind: often for kind, often in (KNOWN | UNKNOWN).items() if kind != "again"}
"""What is only answered if it is tried again is not asked: faults use up what may be tried again."""

WARM_UP_S = 3.0
CAPACITY_S = 10.0
LOAD = 0.7
"""Of what is carried where callers do not pause."""

LAST_S = 10.0
"""Nothing breaks any more so shortly before the end."""

LIMITS = "".join(
    f"  - {{node: team:t{number}, amount: {0.002 if number < POOR else 1000} usd, window: month}}\n"
    for number in range(TENANTS)
)


@dataclass
class Weather:
    """What was the matter when."""

    spells: list[tuple[float, float, Fault]] = field(default_factory=list)
    now: tuple[float, Fault] | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def excused(self, begun: float, status: int | None) -> bool:
        """Whether a call that began then, and ends now, may have failed so."""
        since = [fault for _, ended, fault in self.spells if begun < ended + fault.after_s]
        met = [*since, *([self.now[1]] if self.now else [])]
        return any(fault.loses if status is None else status in fault.excused for fault in met)

    async def change(self, on: Stage, dice: random.Random, seconds: float, every_s: float) -> None:
        """Fault after fault. Each kind comes once before any comes again."""
        loop = asyncio.get_running_loop()
        begun, deck = loop.time(), list[str]()
        for number in range(int((seconds - LAST_S) / every_s)):
            await asyncio.sleep(begun + number * every_s - loop.time())
            if not deck:
                deck = sorted(name for name, fault in FAULTS.items() if fault.possible(on))
                dice.shuffle(deck)
            name = deck.pop()
            self.counts[name] += 1
            at, fault = loop.time(), FAULTS[name]
            print(f"{at - begun:7.1f} s: {name}", flush=True)
            self.now = at, fault
            await fault.work(on, dice, every_s * dice.uniform(0.1, 0.4))
            self.now = None
            self.spells.append((at, loop.time(), fault))


@dataclass(frozen=True)
class Faulty:
    """What it came to. Raised errors of the soak itself and bugs in logs are no part of it: they end it."""

    seed: int
    seconds: float
    carried: float  # Calls a second, where callers do not pause.
    rate: float  # That was wanted.
    faults: Counter[str]
    seen: Seen
    books: dict[str, int]  # Pico-dollars.
    by_rule: dict[str, Told]
    wrong: list[str]
    store: dict[str, tuple[int, int]]  # By account, where store and ledgers differ: what each says.
    growth: dict[int, dict[str, Slope]]  # Of each gateway's longest life.
    rest: tuple[Sample, Sample]  # Of the first gateway: before, and after.

    @property
    def broken(self) -> list[str]:
        """Why it did not hold."""
        ours = {amount for name, amount in self.books.items() if name != "provider_bill"}
        apart = sum(one["booked_picos"] - one["billed_picos"] for one in self.by_rule.values())
        differ = len(ours) > 1 or ours != {self.books["provider_bill"] + apart}
        return [
            *([f"the books differ: {self.books}, by rule {apart}"] if differ else []),
            *self.wrong,
            *(f"{account}: the store says {said}, ledgers {kept}" for account, (said, kept) in self.store.items()),
            *(error for error in self.seen.errors if not _was_turned_away(error)),
        ]

    @property
    def turned_away(self) -> list[str]:
        """Whom the door sent off. Where something else takes the processors for a moment, it must."""
        return [error for error in self.seen.errors if _was_turned_away(error)]


def faulty(folder: Path, seconds: float, every_s: float, seed: int, load: float = LOAD) -> Faulty:
    """A soak of so many seconds with a fault every so many, at this share of what the machine carries. Raises
    AssertionError if a gateway logs a bug."""
    dice = random.Random(seed)
    with stage(folder, LIMITS, "--output-tokens", "20") as on:
        api = Api.of(on.gates[0], on.gates[0].admin)
        tenants = [_tenant(api, number) for number in range(TENANTS)]
        eventually(lambda: calls(on.gates[1], tenants[-1].token)[0] == 200)  # It has heard of all of them.
        weather, vitals = Weather(), Vitals()

        async def all_of_it() -> tuple[float, Sample, Seen]:
            carried, errors = await _carried(on, tenants, dice)
            await asyncio.to_thread(_rested, on)
            before = await asyncio.to_thread(sample, on, 0)
            watch = asyncio.create_task(vitals.watch(on))
            async with asyncio.TaskGroup() as together:
                together.create_task(weather.change(on, random.Random(seed), seconds, every_s))
                called = together.create_task(
                    traffic(
                        lambda: on.where(dice),
                        tenants,
                        KINDS,
                        dice,
                        seconds=seconds,
                        a_second=load * carried,
                        excused=weather.excused,
                    )
                )
            watch.cancel()
            seen = called.result()
            seen.errors[:0] = errors
            return carried, before, seen

        carried, before, seen = asyncio.run(all_of_it())
        _rested(on)
        after = sample(on, 0)
        bill = on.gates[0].bill()
        rules, wrong = by_rule(bill, [gate.gate.home for gate in on.gates])
        return Faulty(
            seed=seed,
            seconds=seconds,
            carried=carried,
            rate=load * carried,
            faults=weather.counts,
            seen=seen,
            books={"provider_bill": billed(bill), **_books(on)},
            by_rule=rules,
            wrong=wrong,
            store=_store(on),
            growth={number: _growth(vitals.of(number)) for number in (0, 1)},
            rest=(before, after),
        )


def _was_turned_away(error: str) -> bool:
    return str(Overloaded()) in error


def _tenant(api: Api, number: int) -> Tenant:
    api.post("/teams", {"id": f"t{number}"})
    return Tenant(api.key(team=f"t{number}", alias=f"tenant {number}")[1], poor=number < POOR)


async def _carried(on: Stage, tenants: list[Tenant], dice: random.Random) -> tuple[float, list[str]]:
    """Calls a second of callers who do not pause, once each tenant is known, and what should not have been."""
    for seconds, a_second in ((WARM_UP_S, TENANTS), (CAPACITY_S, 1e9)):
        seen = await traffic(lambda: on.where(dice), tenants, KINDS, dice, seconds=seconds, a_second=a_second)
    return seen.calls / CAPACITY_S, seen.errors


def _rested(on: Stage) -> None:
    for gate in on.gates:
        gate.rest()


def _growth(life: list[Sample]) -> dict[str, Slope]:
    """After the first third, in which caches fill."""
    late = life[len(life) // 3 :]
    return {name: slope(late, name) for name in ("rss_mib", "descriptors", "tasks")}


def _books(on: Stage) -> dict[str, int]:
    """Of both gateways together."""
    sums: Counter[str] = Counter()
    for gate in on.gates:
        dashboard = Api.of(gate, gate.admin).url.removesuffix("/admin/v1") + "/dashboard"
        sums.update(kept_books(gate, dashboard))
    return dict(sums)


def _store(on: Stage) -> dict[str, tuple[int, int]]:
    """Where it says otherwise than both ledgers together. Of windows that have ended it may know nothing."""
    kept: Counter[str] = Counter()
    for gate in on.gates:
        kept.update({name: units for name, units in gate.balances().items() if "minute" not in name})

    def apart() -> dict[str, tuple[int, int]]:
        return {name: (on.stored(name), units) for name, units in kept.items() if on.stored(name) != units}

    try:
        eventually(lambda: not apart())
    except AssertionError:
        return apart()
    return {}
