"""What real calls are like: how large, how many at a time, how long, at which hours. From entries of the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import groupby
from operator import attrgetter

from msgspec.structs import replace

from gateway.core.entry import TRAINING, Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import Cost
from gateway.planning.amounts import summed

HOURS = 24
HIGH = 95
"""The percentile that hardware must cope with."""

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


def calls(entries: Iterable[Entry], *, training: bool = False) -> Iterator[Call]:
    """The calls among entries that come oldest first, each with the adjustments of it that have its moment; nothing
    from a cache. `training`: what training jobs have used, too.

    An adjustment that comes later, of a call that crossed an hour on a machine of ours, is given by itself: an entry
    with the outcome `adjusted`, which has an amount and is no call. So only entries of one moment are in memory."""
    left_out = {Outcome.CACHED, Outcome.IDLE} | (set() if training else {Outcome.TRAINED})
    for _, moment in groupby(entries, attrgetter("at")):
        adjusted: defaultdict[str, list[Entry]] = defaultdict(list)
        made: list[Entry] = []
        for entry in moment:
            if entry.outcome is Outcome.ADJUSTED:
                adjusted[entry.adjusts].append(entry)
            elif entry.outcome not in left_out:
                made.append(entry)
        for entry in made:
            yield _with(entry, adjusted.pop(entry.id)) if entry.id in adjusted else entry
        for later in adjusted.values():
            yield from (one for one in later if not one.of_nobody and (training or one.tier != TRAINING))


def _with(entry: Entry, differences: Iterable[Entry]) -> Entry:
    cost: Cost = replace(entry.cost, total=entry.cost.known + summed(one.cost.known for one in differences))
    return replace(entry, cost=cost)


def profiles(made: Iterable[Call]) -> list[Profile]:
    """One for each provider and model, dearest first, of calls that come oldest first."""
    routes: defaultdict[tuple[str, str], _Route] = defaultdict(_Route)
    for call in made:
        routes[call.provider, call.model].add(call)
    found = [route.profile(*name) for name, route in routes.items() if any(route.by_hour)]
    return sorted(found, key=lambda one: (-one.cost.picos, one.provider, one.model))


class _Route:
    """Adds up the calls to one route. What is kept grows with how many values there are, and not with the calls."""

    def __init__(self) -> None:
        self.tokens = self.duration_ms = 0
        self.priced = 0
        self.selfhosted = True
        self.inputs: Counter[int] = Counter()  # How many calls had so many tokens, and so on.
        self.outputs: Counter[int] = Counter()
        self.durations: Counter[int] = Counter()
        self.together: Counter[int] = Counter()
        self.by_hour, self.picos_by_hour = [0] * HOURS, [0] * HOURS
        self._ends: list[float] = []  # Of calls in flight.

    def add(self, call: Call) -> None:
        """One more, later than those before."""
        hour = hour_of(call)
        self.picos_by_hour[hour] += call.cost.known.picos
        if call.outcome is Outcome.ADJUSTED:
            return
        self.by_hour[hour] += 1
        self.priced += call.cost.total is not None
        self.selfhosted = self.selfhosted and call.selfhosted
        self.tokens += call.usage.tokens
        self.duration_ms += call.duration_ms
        self.inputs[call.usage.input_total] += 1
        self.outputs[call.usage.output_total] += 1
        self.durations[call.duration_ms] += 1
        while self._ends and self._ends[0] <= call.at:
            heappop(self._ends)
        heappush(self._ends, call.at + call.duration_ms / 1000)
        self.together[len(self._ends)] += 1

    def profile(self, provider: str, model: str) -> Profile:
        """Of one call at least."""
        count = sum(self.by_hour)
        return Profile(
            provider=provider,
            model=model,
            calls=count,
            priced_calls=self.priced,
            cost=Money(sum(self.picos_by_hour)),
            tokens=self.tokens,
            input_tokens=percentile(self.inputs, HIGH),
            output_tokens=percentile(self.outputs, HIGH),
            concurrency=percentile(self.together, HIGH),
            usual_concurrency=percentile(self.together, 50),
            duration_ms=percentile(self.durations, HIGH),
            mean_duration_ms=self.duration_ms // count,
            by_hour=tuple(self.by_hour),
            cost_by_hour=tuple(map(Money, self.picos_by_hour)),
            selfhosted=self.selfhosted,
        )


def hour_of(call: Call) -> int:
    """The hour of the day, UTC, in which a call left."""
    return int(call.at // 3600 % HOURS)


def percentile(counted: Mapping[int, int], share: int) -> int:
    """The smallest value that so many per cent of the values are not above. `counted`: how many there are of each."""
    left = max(1, -(-sum(counted.values()) * share // 100))
    for value in sorted(counted):
        left -= counted[value]
        if left <= 0:
            return value
    raise ValueError("there is no percentile of nothing")
