"""One place where a call could go, with its price: what to set aside for it there, and what it came to."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from gateway.catalog.providers import Deployment
from gateway.core import costing
from gateway.core.entry import Part
from gateway.core.limit import Fare
from gateway.core.money import ZERO, Money
from gateway.core.price import STANDARD_TIERS, UNPRICED, Cost, CostStatus, Price
from gateway.core.rating import NOT_DECIDED, Decided
from gateway.core.request import Request
from gateway.core.route import Candidate, Cascade
from gateway.core.usage import Report, Usage
from gateway.dialects.batches import BATCH
from gateway.fleet.meter import Meter, Occupancy
from gateway.journey.besides import Beside, worst_beside
from gateway.journey.carriage import Carried
from gateway.journey.visit import Expected
from gateway.prices.book import PriceBook
from gateway.tokens.outputs import Outputs

OUTPUT_TOKENS_GUESS = 512
"""What an answer is expected to hold, and what a progressive hold covers, before any was seen."""

OUTPUT_TOKENS_HELD_MIN = 64
"""The least that a progressive hold begins with, however short the answers before were."""


class Option(Struct, frozen=True):
    """One candidate with what stands behind it."""

    deployment: Deployment
    price: Price | None
    candidate: Candidate
    book: PriceBook
    output_max: int  # Tokens that the whole call may generate: all choices together.
    output_guess: int
    outputs: Outputs
    may_reason_unseen: bool  # Then what is seen of an answer does not tell what it costs.
    carried: Carried | None = None  # The call as it goes there, where the caller's dialect is not spoken.
    input_guess: int = 0  # Tokens of the prompt, as likely more as less.
    expected: Expected | None = None  # Of what is warm there, where the policy reads it.
    meter: Meter | None = None  # Of the machine there, where its time is what costs.
    besides: tuple[Beside, ...] = ()  # Other models that may run there within the call.

    @property
    def priced(self) -> bool:
        """Whether a price is known for every model that may run."""
        return self.price is not None and all(b.price is not None for b in self.besides)

    def output_expected(self, key_id: str) -> int:
        """Output tokens that hardly an answer to this key passes, within the most that the call may generate."""
        most = self.outputs.most(key_id, self.deployment.group)
        expected = OUTPUT_TOKENS_GUESS if most is None else max(OUTPUT_TOKENS_HELD_MIN, most)
        return min(self.output_max, expected)

    def worst(self, request: Request, *, for_money: int, for_count: int) -> tuple[Fare, Cost]:
        """What to set aside for so many output tokens, in money and as a count; and that money as a cost."""
        if self.price is None:
            return Fare(0, request.input_tokens, for_count), UNPRICED
        known = self.candidate.cost_worst if for_money == self.output_max else None
        cost = known or worst_cost(self.price, request, for_money, self.besides)
        return Fare(cost.nanos_up, request.input_tokens, for_count), Cost(cost, CostStatus.UNCERTAIN, self.price.id)

    def worst_batched(self, request: Request) -> Money:
        """The most that it can cost at the price of batches, unless the call asks for some other tier besides. Nothing
        where no price is known."""
        price, besides = self.price, self.besides
        if price is None:
            return ZERO
        if request.facts.service_tier in STANDARD_TIERS:
            price, besides = price.under(BATCH), tuple([beside.under(BATCH) for beside in besides])
        return worst_cost(price, request, self.output_max, besides)

    def occupancy(self, *, stream: bool) -> Occupancy | None:
        """A call that is about to leave for the machine there."""
        if self.meter is None:
            return None
        candidate, given, made = self.candidate, self.input_guess, self.output_guess
        return self.meter.occupancy(
            uncached=given - candidate.warm_tokens,
            context=given + made // 2,  # On average, while it is answered.
            output=made,
            stream=stream,
            marginal=candidate.cost_likely,
        )

    def cost(self, usage: Usage, report: Report, at: float) -> Cost:
        """What the call cost."""
        return self.settled(usage, report, at)[0]

    def settled(self, usage: Usage, report: Report, at: float) -> tuple[Cost, tuple[Part, ...]]:
        """See `costing.settled`."""
        return costing.settled(usage, report, self.deployment.model, self.price, lambda m: self._price_of(m, at))

    def saved(self, usage: Usage, report: Report, cost: Cost, since: float) -> int:
        """Nano-dollars that a call with time saved: against the standard tier at the moment when it came."""
        plain = replace(report, service_tier=None, cost=None)
        own = self._price_of(self.deployment.model, since)
        usual = costing.settled(usage, plain, self.deployment.model, own, lambda m: self._price_of(m, since))[0]
        if usual.total is None or cost.total is None:
            return 0
        return max(0, usual.total.nanos_up - cost.total.nanos_up)

    def prices(self, report: Report, at: float) -> list[Price]:
        """Every price that the cost may be made of."""
        turns = [self._price_of(turn.model, at) for turn in report.turns if turn.model is not None]
        own = costing.settling_price(self.deployment.model, report.model, self.price, lambda m: self._price_of(m, at))
        return [price for price in (own, *turns) if price is not None]

    def _price_of(self, model: str, at: float) -> Price | None:
        provider = self.deployment.provider
        return self.book.price(provider.priced_as, model, at, provider.region)


class Chosen(Struct, frozen=True):
    """A plan, first choice first, and the policy's reason for it."""

    plan: tuple[Option, ...]
    reason: str
    decided: Decided = NOT_DECIDED
    hedge_after_ms: float | None = None  # If nothing has come by then, the next of the plan is asked, too.
    cascade: Cascade | None = None
    told: dict[str, str] | None = None  # What the caller is to hear of it, in headers.
    own: tuple[Option, ...] = ()  # At machines of ours that it could go to.

    def without_first(self, number: int) -> Chosen:
        """The plan from there on. What was to be checked of the first is no more."""
        steps = 0 if self.cascade is None else self.cascade.steps - number
        cascade = replace(self.cascade, steps=steps) if self.cascade is not None and steps > 0 else None
        return replace(self, plan=self.plan[number:], cascade=cascade)


def worst_cost(price: Price, request: Request, output_tokens: int, besides: tuple[Beside, ...]) -> Money:
    """The most that the request can cost with so much output, what is not counted in tokens and other models
    included."""
    facts = request.facts
    own = price.worst(request.input_tokens, output_tokens, facts.service_tier, facts.extras or facts.extras_max)
    return own if not besides else own + worst_beside(besides, price, request, output_tokens)
