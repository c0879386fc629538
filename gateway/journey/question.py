"""What is asked, whoever it goes to, and what to set aside for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from gateway.core.errors import BadRequest
from gateway.core.limit import Fare, HoldMode
from gateway.core.money import ZERO, Money
from gateway.core.price import Cost
from gateway.core.request import Asked, Facts, Request
from gateway.dialects.base import Dialect
from gateway.journey.carriage import Carrier, home
from gateway.journey.detour import Detour
from gateway.journey.option import Chosen, Option
from gateway.journey.routing import Router
from gateway.limits.accounts import CEILING
from gateway.prompt_cache.warmth import NOTHING, Prefix
from gateway.tokens.size import Size
from gateway.upstream.headers import for_stranger

FARE_CREDIBLE_MAX = Money.usd(100_000)
"""No single call costs more. One that could is a mistake or an attack, and the books have 64 bits."""


HOLD = "x-fareway-hold"
"""The header by which a caller asks for a more careful hold than its limits do."""


class Said(NamedTuple):
    """A call in the dialect of one provider."""

    dialect: Dialect
    asked: Asked
    facts: Facts
    headers: Mapping[str, str]  # Of the caller, as far as they travel there.
    dropped: tuple[str, ...] = ()  # Fields that were left out.


class Question(Struct, frozen=True):
    """One call, understood."""

    request: Request
    dialect: Dialect
    asked: Asked
    headers: Mapping[str, str]  # Of the caller, as far as they travel.
    hold_mode: HoldMode
    size: Size
    carrier: Carrier
    ceiling: Money | None = None  # What the caller lets this call cost at most.
    detour: Detour | None = None  # Around a limit that would have refused it.
    prefix: Prefix = NOTHING  # Its prompt in blocks, where the policy reads what is warm.
    baseline_at: float | None = None  # It had time: what it saves is told, against the standard price of that moment.

    def options(self, router: Router) -> tuple[Option, ...]:
        """Everywhere that it may go, on its detour if it has one. Raises what `Router.options` raises."""
        options = router.options(self.request, self.size, self.carrier)
        return options if self.detour is None else self.detour.open_to(options)

    def affordable(self, left: Money | None) -> Money | None:
        """What it may cost: what is left on the caller's budgets, within its own ceiling. None: anything."""
        given = [amount for amount in (left, self.ceiling) if amount is not None]
        return min(given) if given else None

    def said_to(self, option: Option) -> Said:
        """The call as it leaves for this deployment, its detour included. Raises BadRequest."""
        asked, carried = self.asked, option.carried
        if self.detour is not None:
            asked = self.detour.asked(asked, self.dialect, option)
        if carried is None:
            asked, dropped = home(self.dialect.name, asked, option.deployment.model)
            return Said(self.dialect, asked, self.request.facts, self.headers, dropped)
        if asked is not self.asked:
            each = option.output_max // self.request.facts.choices
            carried = self.carrier.over(carried.edge, asked, option.deployment, each)
        return Said(carried.dialect, carried.asked, carried.facts, for_stranger(self.headers), carried.dropped)

    def output_first(self, option: Option) -> int:
        """Output tokens that the hold of a stream begins with.

        All that it may make where stopping it would save nothing, or where we cannot see how much was made.
        """
        facts = self.request.facts if option.carried is None else option.carried.facts
        unstoppable = option.deployment.provider.bills_after_abort or facts.hides_output
        if self.hold_mode is HoldMode.STRICT or unstoppable:
            return option.output_max
        return option.output_expected(self.request.key_id)

    def stops_when_left(self, chosen: Chosen) -> bool:
        """Whether a caller's leaving ends the call at once: it streams, and aborting it stops the charging."""
        billing_on = any(option.deployment.provider.bills_after_abort for option in chosen.plan)
        return self.request.facts.stream and not billing_on

    def fare(self, option: Option) -> tuple[Fare, Cost]:
        """What to set aside at first, and the cost to book should we die in between.

        A call that is not streamed cannot be stopped half-way, so its money is held in full. Its tokens are
        not: a limit on tokens paces callers, and few of them set a cap. Raises BadRequest for a call that
        could cost more than any does there: it may go elsewhere.
        """
        fare, worst = self.worst(option)
        if worst.known > FARE_CREDIBLE_MAX:
            raise BadRequest(f"This call could cost {worst.known}, which is more than any call may.")
        return fare, worst

    def worst(self, option: Option) -> tuple[Fare, Cost]:
        """The same, however much it is."""
        first = self.output_first(option)
        for_money = first if self.request.facts.stream else option.output_max
        return option.worst(self.request, for_money=for_money, for_count=first)


def proven(facts: Facts, mode: HoldMode, ceiling: Money | None) -> bool:
    """Whether the input must be held for by a bound that is proven: the call cannot be stopped half-way, or must not
    cost more than it holds."""
    return mode is HoldMode.STRICT or ceiling is not None or not facts.stream


def hold_mode(headers: Mapping[str, str], mode: HoldMode) -> HoldMode:
    """What the limits say, or `x-fareway-hold` if that is more careful. Raises BadRequest."""
    word = headers.get(HOLD)
    if word is None:
        return mode
    if word not in tuple(HoldMode):
        raise BadRequest(f"{HOLD} must be one of {', '.join(HoldMode)}", HOLD)
    return HoldMode.STRICT if word == HoldMode.STRICT else mode


def ceiling_of(headers: Mapping[str, str]) -> Money | None:
    """What `x-fareway-max-cost` says, in dollars. Raises BadRequest."""
    text = headers.get(CEILING)
    if text is None:
        return None
    try:
        ceiling = Money.usd(text.strip().removeprefix("$"))
    except ValueError:
        raise BadRequest(f"{CEILING} must be an amount of dollars, such as 0.05", CEILING) from None
    if not ZERO < ceiling <= FARE_CREDIBLE_MAX:
        raise BadRequest(f"{CEILING} must be more than nothing, and at most {FARE_CREDIBLE_MAX}", CEILING)
    return ceiling
