"""What one seed stands for: limits, replicas, calls, and what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from simulation.server import Weather

from gateway.core.limit import Limit, Mode, Span, Unit

NODES = ("all", "all", "org:o", "team:t1", "team:*", "user:*", "key:*", "key:k1")
SPANS = (Span.LIFETIME, Span.LIFETIME, Span.DAY, Span.MINUTE, Span.SECOND)
AMOUNTS = {
    Unit.USD: (50, 5000),
    Unit.TOKENS: (50, 5000),
    Unit.INPUT_TOKENS: (50, 3000),
    Unit.OUTPUT_TOKENS: (50, 3000),
    Unit.REQUESTS: (5, 150),
    Unit.CONCURRENT: (1, 12),
}
TROUBLES = ("none", "none", "network", "deaths", "store", "clocks", "limits", "everything")
EVENTS = {
    "none": (),
    "network": ("weather",),
    "deaths": ("crash", "crash", "restart", "leave"),
    "store": ("weather", "outage", "freeze", "flush", "failover"),
    "clocks": ("clock",),
    "limits": ("limits", "rule", "rule", "rule", "crash"),
    "everything": ("weather", "crash", "leave", "outage", "freeze", "flush", "failover", "clock", "limits", "rule"),
}


@dataclass
class Plan:
    seed: int
    trouble: str
    replicas: int
    callers: int  # In each replica, calling one after another.
    keys: int
    limits: tuple[Limit, ...]
    nanos: int
    tokens: int
    pause_s: float
    call_s: float
    hang_up: float
    seconds: float
    events_every_s: float
    new_store: bool
    weather: Weather = field(default_factory=Weather)

    def describe(self):
        limits = ", ".join(f"{x.node} {x.amount} {x.unit}/{x.span} {x.mode}" for x in self.limits)
        return f"{self.trouble}; {self.replicas} replicas × {self.callers} callers, {self.seconds:.0f} s; {limits}"


def plan(seed: int) -> tuple[Plan, Random]:
    """The same for ever for a seed of this version."""
    chance = Random(seed)
    made = Plan(
        seed=seed,
        trouble=chance.choice(TROUBLES),
        replicas=chance.randint(1, 6),
        callers=chance.randint(1, 4),
        keys=chance.randint(1, 3),
        limits=_limits(chance),
        nanos=chance.choice((10, 100, 400)),
        tokens=chance.choice((10, 100, 400)),
        pause_s=chance.choice((0.02, 0.1, 0.3)),
        call_s=chance.choice((0.01, 0.1, 0.6)),
        hang_up=chance.choice((0.0, 0.0, 0.2)),
        seconds=chance.uniform(1, 4),
        events_every_s=chance.choice((0.3, 1.0)),
        new_store=chance.random() < 0.1,
    )
    return made, chance


def _limits(chance):
    found = {}
    for _ in range(chance.randint(1, 4)):
        unit = chance.choice(tuple(AMOUNTS))
        span = Span.RUNNING if unit is Unit.CONCURRENT else chance.choice(SPANS)
        mode = chance.choice((Mode.HARD,) * 8 + (Mode.SOFT, Mode.SHADOW))
        made = Limit(chance.choice(NODES), unit, chance.randint(*AMOUNTS[unit]), span, mode=mode)
        found[made.id] = made
    return tuple(found.values())


def changed(limits, chance):
    """The same limits with other amounts."""
    return tuple(replace(limit, amount=max(1, limit.amount * chance.choice((1, 2, 3, 6, 8)) // 3)) for limit in limits)


def bad_weather(chance):
    """What a network may do for a while."""
    return Weather(
        lost=chance.choice((0, 0, 0.05, 0.3)),
        unanswered=chance.choice((0, 0, 0.05, 0.3)),
        repeated=chance.choice((0, 0, 0.2)),
        late=chance.choice((0, 0.1, 0.4)),
        late_s=chance.choice((0.03, 0.2, 1.5)),
    )
