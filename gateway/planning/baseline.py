"""Where money was saved, by cause, against the models that were asked for. Pure, from a period's sums.

The baseline is what the same tokens would have cost, uncached, at the deployment that the name in the call stands for
where nothing is routed; at the list prices of now, and without the bands that some models have for long prompts. Of
what it is above the bill, each cause has its part: the parts and the bill add up to it exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.core.price import Rates


class Cause(StrEnum):
    """Why less was paid."""

    CACHE = "cache"  # Answers that were given again.
    ROUTING = "routing"  # A cheaper model or provider took the call. Negative where a dearer one did.
    PROMPT_CACHE = "prompt_cache"  # The provider charged less for what it had read before.
    OWN_GPUS = "own_gpus"  # An engine of ours took the call.


@dataclass(frozen=True, slots=True)
class Sum:
    """What calls of one kind that have a price came to together."""

    asked: str  # The name that callers used.
    deployment: str  # "provider/model" that answered.
    selfhosted: bool
    outcome: str
    input_tokens: int
    cached_tokens: int  # Of these, read from the provider's cache.
    output_tokens: int
    paid: Money
    saved: Money  # By answers from the cache.


@dataclass(slots=True)
class Saved:
    """See the module. Amounts are pico-dollars."""

    paid: int = 0
    by_cause: Counter[Cause] = field(default_factory=Counter)
    uncompared: int = 0  # Paid for calls whose asked-for model has no price here: in the bill and the baseline alike.

    @property
    def baseline(self) -> Money:
        """What it would have come to."""
        return Money(self.paid + sum(self.by_cause.values()))


def saved(sums: Iterable[Sum], first: Callable[[str], str | None], rates: Callable[[str], Rates | None]) -> Saved:
    """`first`: the deployment that a name stands for; None where nobody knows. `rates`: what a deployment costs now."""
    found = Saved()
    for one in sums:
        if one.outcome == Outcome.CACHED:
            found.by_cause[Cause.CACHE] += one.saved.picos
        else:
            found.paid += one.paid.picos
            _add(found, one, one.paid.picos, first(one.asked), rates)
    return found


def _add(found: Saved, one: Sum, paid: int, first: str | None, rates: Callable[[str], Rates | None]) -> None:
    there = rates(one.deployment)
    reads = one.cached_tokens * (there.input - there.cache_read) if there is not None else 0
    if reads:
        found.by_cause[Cause.PROMPT_CACHE] += reads
    if first == one.deployment:
        return
    asked = rates(first) if first is not None else None
    if asked is None:
        found.uncompared += paid
        return
    baseline = one.input_tokens * asked.input + one.output_tokens * asked.output
    found.by_cause[Cause.OWN_GPUS if one.selfhosted else Cause.ROUTING] += baseline - paid - reads
