"""Who pays what: what each caused, and a share of what all have in common, by a stated rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.entry import NO_CALLS, TRAINING, Entry, Outcome
from gateway.core.money import ZERO, Money
from gateway.planning.amounts import split, summed
from gateway.planning.traffic import Call, calls

NOBODY = "(none)"
"""Who pays for calls without a name of that kind."""


class Payer(StrEnum):
    """By what calls are charged."""

    ORG = "org"
    TEAM = "team"
    USER = "user"
    KEY = "key"
    TAG = "tag"  # A call with several tags is divided evenly between them.
    MODEL = "model"


class Rule(StrEnum):
    """How what all have in common is divided."""

    SPEND = "spend"  # As what each caused.
    CALLS = "calls"
    TOKENS = "tokens"
    GPU_TIME = "gpu-time"  # As the time of each one's self-hosted calls.
    EVEN = "even"


@dataclass(frozen=True, slots=True)
class Bill:
    """What one of them pays."""

    payer: str
    calls: int
    unpriced: int  # Calls whose cost nobody knows: they are not in `direct`.
    direct: Money  # What its own calls and training jobs cost;
    training: Money  # of that, the jobs.
    shared: Money  # Its part of what all have in common.

    @property
    def total(self) -> Money:
        """Both together."""
        return self.direct + self.shared


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    unpriced: int = 0
    picos: int = 0
    training: int = 0
    tokens: int = 0
    gpu_ms: int = 0

    def add(self, call: Call, part: Money) -> None:
        """One more entry, of whose amount this part is its own."""
        counts = call.outcome not in NO_CALLS
        self.calls += counts
        self.unpriced += counts and call.cost.total is None
        self.picos += part.picos
        self.training += part.picos if call.tier == TRAINING else 0
        self.tokens += call.usage.tokens
        self.gpu_ms += call.duration_ms if call.selfhosted else 0


def bills(entries: Iterable[Entry], payer: Payer, shared: Money = ZERO, rule: Rule = Rule.SPEND) -> list[Bill]:
    """One for each payer, dearest first. They add up to all entries and `shared`, to the last pico-dollar: what nobody
    used of machines of ours is shared, too."""
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    unused = _Unused()
    for call in calls(unused.seen(entries), training=True):
        own = names(call, payer)
        for name, part in zip(own, split(call.cost.known, [1] * len(own)), strict=True):
            sums[name].add(call, part)
    shared += unused.total
    if not sums and shared:
        sums[NOBODY] = _Sum()
    parts = split(shared, [_WEIGHTS[rule](one) for one in sums.values()]) if sums else []
    found = [
        Bill(name, one.calls, one.unpriced, Money(one.picos), Money(one.training), part)
        for (name, one), part in zip(sums.items(), parts, strict=True)
    ]
    return sorted(found, key=lambda bill: (-bill.total.picos, bill.payer))


class _Unused:
    """Adds up what passes by and nobody used."""

    def __init__(self) -> None:
        self.total = ZERO

    def seen(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.of_nobody:
                self.total += entry.cost.known
            yield entry


def idle(paid: Money, entries: Iterable[Entry]) -> Money:
    """What was paid for own hardware and no entry tells of. Negative where they tell of more."""
    return paid - summed(one.cost.known for one in entries if one.selfhosted and one.outcome is not Outcome.CACHED)


_WEIGHTS: dict[Rule, Callable[[_Sum], int]] = {
    Rule.SPEND: lambda one: max(0, one.picos),
    Rule.CALLS: lambda one: one.calls,
    Rule.TOKENS: lambda one: one.tokens,
    Rule.GPU_TIME: lambda one: one.gpu_ms,
    Rule.EVEN: lambda _: 1,
}


def names(call: Entry, payer: Payer) -> Sequence[str]:
    """Who pays for a call: several where it has several tags."""
    caller = call.caller
    match payer:
        case Payer.TAG:
            return tuple(dict.fromkeys((*caller.tags, *caller.brought_tags))) or (NOBODY,)
        case Payer.MODEL:
            return (call.model,)
        case Payer.KEY:
            return (caller.key_id or NOBODY,)
        case _:
            return (getattr(caller, payer) or NOBODY,)
