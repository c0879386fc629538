"""What real calls are like: how large, how many at a time, how long, at which hours. From entries of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TypeVar

from msgspec.structs import replace

from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import Cost
from gateway.planning.amounts import summed

HOURS = 24
HIGH = 95
"""The percentile that hardware must cope with."""

Key = TypeVar("Key")

Call = Entry
"""An entry that a provider was asked for, at what it costs after all adjustments."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Calls to one route. Tokens, concurrency and duration are 95th percentiles, unless they say otherwise."""

    provider: str
    model: str
    calls: int
    priced_calls: int  # Those whose cost is known.
    cost: Money
    tokens: int  # All together.
    input_tokens: int
    output_tokens: int
    concurrency: int
    usual_concurrency: int  # The median.
    duration_ms: int
    mean_duration_ms: int
    by_hour: tuple[int, ...]  # Calls by hour of the day, UTC.
    cost_by_hour: tuple[Money, ...]
    selfhosted: bool


def calls(entries: Iterable[Entry]) -> list[Call]:
    """The calls among entries, each with the adjustments of it that are there too; nothing from a cache."""
    adjusted: defaultdict[str, list[Money]] = defaultdict(list)
    made: list[Entry] = []
    for entry in entries:
        if entry.outcome is Outcome.ADJUSTED:
            adjusted[entry.adjusts].append(entry.cost.known)
        elif entry.outcome is not Outcome.CACHED:
            made.append(entry)
    return [_with(entry, adjusted[entry.id]) if entry.id in adjusted else entry for entry in made]


def _with(entry: Entry, differences: Sequence[Money]) -> Entry:
    cost: Cost = replace(entry.cost, total=entry.cost.known + summed(differences))
    return replace(entry, cost=cost)


def profiles(made: Iterable[Call]) -> list[Profile]:
    """One for each provider and model, dearest first."""
    found = [profile(group) for group in grouped(made, lambda call: (call.provider, call.model)).values()]
    return sorted(found, key=lambda one: (-one.cost.picos, one.provider, one.model))


def grouped(made: Iterable[Call], by: Callable[[Call], Key]) -> dict[Key, list[Call]]:
    """Calls by what they have in common."""
    groups: defaultdict[Key, list[Call]] = defaultdict(list)
    for call in made:
        groups[by(call)].append(call)
    return groups


def profile(made: Sequence[Call]) -> Profile:
    """Of calls to one route, one at least."""
    together = sorted(_together(made))
    durations = sorted(call.duration_ms for call in made)
    by_hour, costs = [0] * HOURS, [Money(0)] * HOURS
    for call in made:
        by_hour[hour_of(call)] += 1
        costs[hour_of(call)] += call.cost.known
    return Profile(
        provider=made[0].provider,
        model=made[0].model,
        calls=len(made),
        priced_calls=sum(call.cost.total is not None for call in made),
        cost=summed(call.cost.known for call in made),
        tokens=sum(call.usage.tokens for call in made),
        input_tokens=percentile(sorted(call.usage.input_total for call in made), HIGH),
        output_tokens=percentile(sorted(call.usage.output_total for call in made), HIGH),
        concurrency=percentile(together, HIGH),
        usual_concurrency=percentile(together, 50),
        duration_ms=percentile(durations, HIGH),
        mean_duration_ms=sum(durations) // len(durations),
        by_hour=tuple(by_hour),
        cost_by_hour=tuple(costs),
        selfhosted=all(call.selfhosted for call in made),
    )


def hour_of(call: Call) -> int:
    """The hour of the day, UTC, in which a call left."""
    return int(call.at // 3600 % HOURS)


def percentile(ascending: Sequence[int], share: int) -> int:
    """The smallest value that so many per cent of the values are not above."""
    return ascending[max(0, -(-len(ascending) * share // 100) - 1)]


def _together(made: Iterable[Call]) -> list[int]:
    """For each call, how many are in flight when it leaves, itself included."""
    found: list[int] = []
    ends: list[float] = []
    for call in sorted(made, key=lambda one: one.at):
        while ends and ends[0] <= call.at:
            heappop(ends)
        heappush(ends, call.at + call.duration_ms / 1000)
        found.append(len(ends))
    return found
