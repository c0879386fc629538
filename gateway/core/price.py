"""What tokens cost: dated rates in whole pico-dollars per token, applied with integers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from gateway.core.money import Money
from gateway.core.usage import Extras, Usage


class CostStatus(StrEnum):
    """How much a cost can be relied on. Unknown is never zero."""

    REPORTED = "reported"  # The provider charged this very figure.
    EXACT = "exact"  # Its final usage times a dated price.
    ESTIMATED = "estimated"  # Partial usage: the answer was cut, or never counted by the provider.
    UNCERTAIN = "uncertain"  # A tier or rule that does not match the price, or an outcome unknown.
    UNPRICED = "unpriced"  # No price is known. Never zero, never charged.


class Cost(Struct, frozen=True, gc=False, omit_defaults=True):
    """What one call cost. `total` is None exactly when `status` is unpriced."""

    total: Money | None
    status: CostStatus
    price_id: str | None = None
    input: Money = Money(0)
    cache: Money = Money(0)  # Reads and writes of the provider's prompt cache.
    output: Money = Money(0)
    fees: Money = Money(0)  # What is not charged by the token: the call itself, searches, pages, seconds.

    @property
    def known(self) -> Money:
        """The total where there is one; nothing for an unpriced call, which is counted apart."""
        return self.total if self.total is not None else Money(0)


UNPRICED = Cost(None, CostStatus.UNPRICED)

_DOUBT = (CostStatus.REPORTED, CostStatus.EXACT, CostStatus.ESTIMATED, CostStatus.UNCERTAIN)
"""The sum of several costs is no better known than the least known of them."""


SEPARATOR = " + "
"""Between the ids of the prices that one cost is made of."""


def total(costs: Sequence[Cost]) -> Cost:
    """What the parts of one call cost together. One part without a price leaves the whole without one."""
    if any(cost.total is None for cost in costs):
        return UNPRICED
    return Cost(
        total=Money(sum(cost.known.picos for cost in costs)),
        status=max((cost.status for cost in costs), key=_DOUBT.index),
        price_id=SEPARATOR.join(dict.fromkeys(cost.price_id for cost in costs if cost.price_id)) or None,
        input=Money(sum(cost.input.picos for cost in costs)),
        cache=Money(sum(cost.cache.picos for cost in costs)),
        output=Money(sum(cost.output.picos for cost in costs)),
        fees=Money(sum(cost.fees.picos for cost in costs)),
    )


@dataclass(frozen=True, slots=True)
class Rates:
    """Pico-dollars per token of each class, per request, and each of the extras. All classes are set: whoever builds
    Rates decides what one without a published rate pays (its parent's: cached input pays input, and so on)."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int
    cache_write_12h: int
    input_audio: int
    cache_read_audio: int
    input_image: int
    cache_read_image: int
    input_video: int
    output_reasoning: int
    output_audio: int
    output_image: int
    request: int = 0
    extras: Mapping[str, int] = field(default_factory=dict)  # By the names in Extras; what is missing is not known.
    least: Mapping[str, int] = field(default_factory=dict)  # How many of an extra are charged where there are fewer.
    by_token: bool = True  # False where only requests and extras have a rate: what tokens would cost is not known.
    sure: bool = True  # False where these rates rest on what no source confirms, or leave out what is charged too.
    dearest_input: int = field(init=False)  # The most that one input token can cost, whatever it turns out to be.
    dearest_output: int = field(init=False)

    def __post_init__(self) -> None:
        """Worked out once: every call asks."""
        inputs = (self.input, self.cache_read, self.cache_write, self.cache_write_1h, self.cache_write_12h)
        media = (self.input_audio, self.cache_read_audio, self.input_image, self.cache_read_image, self.input_video)
        outputs = (self.output, self.output_reasoning, self.output_audio, self.output_image)
        object.__setattr__(self, "dearest_input", max(inputs + media))
        object.__setattr__(self, "dearest_output", max(outputs))

    def input_cost(self, usage: Usage) -> int:
        """Pico-dollars for uncached input."""
        return (
            (usage.input + usage.input_tool) * self.input
            + usage.input_audio * self.input_audio
            + usage.input_image * self.input_image
            + usage.input_video * self.input_video
        )

    def cache_cost(self, usage: Usage) -> int:
        """Pico-dollars for reading and writing the provider's prompt cache."""
        return (
            usage.cache_read * self.cache_read
            + usage.cache_write * self.cache_write
            + usage.cache_write_1h * self.cache_write_1h
            + usage.cache_write_12h * self.cache_write_12h
            + usage.cache_read_audio * self.cache_read_audio
            + usage.cache_read_image * self.cache_read_image
        )

    def output_cost(self, usage: Usage) -> int:
        """Pico-dollars for everything generated."""
        return (
            usage.output * self.output
            + usage.output_reasoning * self.output_reasoning
            + usage.output_audio * self.output_audio
            + usage.output_image * self.output_image
        )

    def fees(self, usage: Usage) -> tuple[int, bool]:
        """Pico-dollars for the call itself and what is not counted in tokens, and whether every rate is known."""
        fee = usage.requests * self.request
        counted = self.charged(usage.extras.counted()) if usage.extras is not None else None
        known = self.by_token or (not usage.tokens and bool(counted or self.request))
        for name, count in (counted or {}).items():
            if name in self.extras:
                fee += count * self.extras[name]
            else:
                known = False
        return fee, known

    def charged(self, counted: Mapping[str, int]) -> Mapping[str, int]:
        """How many of each extra are charged, where so many were counted."""
        if not self.least:
            return counted
        return {name: max(count, self.least.get(name, 0)) for name, count in counted.items()}


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rates by size of the prompt. The whole call pays the rates of the band that its total input falls in."""

    base: Rates
    above: tuple[tuple[int, Rates], ...] = ()  # (tokens, rates when input > tokens), ascending.

    def at(self, input_total: int) -> Rates:
        """The rates for a call with this many input tokens."""
        rates = self.base
        for tokens, higher in self.above:
            if input_total <= tokens:
                break
            rates = higher
        return rates

    def up_to(self, input_total: int) -> tuple[Rates, ...]:
        """The rates of every band that a call with at most this many input tokens may fall in."""
        return (self.base, *[rates for tokens, rates in self.above if input_total > tokens])


PLACE = "geo:"
"""How conditions begin that say where a call ran."""

STANDARD_TIERS = frozenset({None, "", "default", "standard", "auto", "on_demand", "scale"})


SEARCH = "search:"
"""How conditions begin that say how much each search may give the model to read."""


def conditions(*names: str) -> str:
    """One name for several conditions that apply together, such as 'batch,geo:us'."""
    return ",".join(sorted(name for name in names if name not in STANDARD_TIERS))


def _possible(name: str, asked: frozenset[str]) -> bool:
    return all(part in asked or part.startswith(PLACE) for part in name.split(","))


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one model at one moment: a schedule, and others for service tiers such as flex and priority, and
    for other conditions such as 'speed:fast' or 'geo:us'."""

    id: str
    standard: Schedule
    tiers: Mapping[str, Schedule] = field(default_factory=dict)
    _unasked: tuple[Schedule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """What may apply without a word in the request, worked out once: the provider's account decides on places."""
        object.__setattr__(self, "_unasked", (self.standard, *self._possible(frozenset())))

    def _possible(self, asked: frozenset[str]) -> list[Schedule]:
        """Of the tiers, those that may apply where these conditions are asked for."""
        return [schedule for name, schedule in self.tiers.items() if _possible(name, asked)]

    def of(self, usage: Usage, service_tier: str | None = None) -> Cost:
        """The cost of this usage at the tier that served it.

        A tier without a price of its own is not the standard tier: the standard rates are the best
        guess then, and the cost says `uncertain`; so it does where a fee is not known, where tokens came and
        only other things have a rate, where a rate is not sure, and where several turns were added up of
        which one may have been in a dearer band than is known.
        """
        rates, matched = self.rates_for(usage, service_tier)
        given, cached, made = rates.input_cost(usage), rates.cache_cost(usage), rates.output_cost(usage)
        fees, known = rates.fees(usage)
        status = CostStatus.EXACT if matched and known else CostStatus.UNCERTAIN
        if not usage.final:
            status = CostStatus.ESTIMATED
        return Cost(
            total=Money(given + cached + made + fees),
            status=status,
            price_id=self.id,
            input=Money(given),
            cache=Money(cached),
            output=Money(made),
            fees=Money(fees),
        )

    def rates_for(self, usage: Usage, service_tier: str | None = None) -> tuple[Rates, bool]:
        """The rates that this usage pays at the tier that served it, and whether they surely are those."""
        schedule, matched = self.standard, service_tier in STANDARD_TIERS
        if service_tier is not None and service_tier in self.tiers:
            schedule, matched = self.tiers[service_tier], True
        if usage.prompt is None:
            rates = schedule.at(usage.input_total)
            return rates, matched and rates.sure
        rates = schedule.at(usage.prompt)
        return rates, matched and rates.sure and rates is schedule.at(usage.input_total)

    def under(self, condition: str) -> Price:
        """The price where this condition surely applies, such as 'batch'; the same where it has none of its own."""
        if condition not in self.tiers:
            return self
        within = {name: frozenset(name.split(",")) - {condition} for name in self.tiers if condition in name.split(",")}
        tiers = {conditions(*rest): self.tiers[name] for name, rest in within.items() if rest}
        return Price(self.id, self.tiers[condition], tiers)

    def likely(self, input_tokens: int, output_tokens: int, warm_tokens: int = 0) -> Money:
        """What a call of plain text costs at the standard tier, if so many of its input tokens are read from the
        provider's prompt cache."""
        rates = self.standard.at(input_tokens)
        given = rates.input * (input_tokens - warm_tokens) + rates.cache_read * warm_tokens
        return Money(given + rates.output * output_tokens + rates.request)

    def charges(self, extras: Extras) -> bool:
        """Whether there is a rate for each of these."""
        return self.standard.base.fees(Usage(extras=extras))[1]

    def worst(
        self, input_tokens: int, output_tokens: int, service_tier: str | None = None, extras: Extras | None = None
    ) -> Money:
        """The most that a call within these bounds can cost: the dearest class, band and possible tier.

        Without a word from the caller the account's own default may serve `priority` at OpenAI, but
        only when the project is set so; the tier asked for and the standard one are what may apply.
        """
        schedules = self._unasked
        if service_tier not in STANDARD_TIERS:
            schedules = (self.standard, *self._possible(frozenset((service_tier or "").split(","))))
        beside = Usage(extras=extras)
        costs = [
            rates.dearest_input * input_tokens + rates.dearest_output * output_tokens + rates.fees(beside)[0]
            for schedule in schedules
            for rates in schedule.up_to(input_tokens)
        ]
        return Money(max(costs))


FREE = Price("free", Schedule(Rates(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
"""Of calls that nobody charges for."""
