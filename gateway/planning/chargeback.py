"""Who pays what: what each caused, and a share of what all have in common, by a stated rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.core.money import ZERO, Money
from gateway.planning.amounts import split, summed
from gateway.planning.traffic import calls

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


def bills(entries: Iterable[Entry], payer: Payer, shared: Money = ZERO, rule: Rule = Rule.SPEND) -> list[Bill]:
    """One for each payer, dearest first. They add up to all calls and `shared`, to the last pico-dollar."""
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    for call in calls(entries, training=True):
        own = names(call, payer)
        for name, part in zip(own, split(call.cost.known, [1] * len(own)), strict=True):
            one = sums[name]
            one.calls += call.outcome not in NO_CALLS
            one.training += part.picos if call.outcome is Outcome.TRAINED else 0
            one.unpriced += call.cost.total is None
            one.picos += part.picos
            one.tokens += call.usage.tokens
            one.gpu_ms += call.duration_ms if call.selfhosted else 0
    if not sums and shared:
        sums[NOBODY] = _Sum()
    parts = split(shared, [_WEIGHTS[rule](one) for one in sums.values()]) if sums else []
    found = [
        Bill(name, one.calls, one.unpriced, Money(one.picos), Money(one.training), part)
        for (name, one), part in zip(sums.items(), parts, strict=True)
    ]
    return sorted(found, key=lambda bill: (-bill.total.picos, bill.payer))


def idle(paid: Money, entries: Iterable[Entry]) -> Money:
    """What was paid for own hardware and no call of it is charged for. Negative where more was charged than paid."""
    return paid - summed(call.cost.known for call in calls(entries) if call.selfhosted)


def booked_idle(entries: Iterable[Entry]) -> Money:
    """What nobody used of machines that are paid by the hour, as their hours were closed."""
    return summed(entry.cost.known for entry in entries if entry.of_nobody)


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
