"""How usage and prices make a cost: the same rule when a call settles and when its entry is priced again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from gateway.core.entry import Part
from gateway.core.money import ZERO, Money
from gateway.core.price import UNPRICED, Cost, CostStatus, Price, total
from gateway.core.usage import Report, Turn, Usage

ROUNDED_BY = Money.usd("0.000025")
"""What `Report.rounded` may be off by: five parts, each rounded to five decimals of a dollar."""

MOVING = "-latest"
"""How the names end that stand for another model from time to time."""

PriceOf = Callable[[str], Price | None]  # Of a model, at the provider and the moment of the call.


def settled(
    usage: Usage, report: Report, model: str, own: Price | None, price_of: PriceOf
) -> tuple[Cost, tuple[Part, ...]]:
    """What an answer cost: the provider's own figure where it charges by that, or where usage times price does not
    explain what it says in round figures; else usage times price. And the parts
    that were priced on their own, if there are any."""
    price = settling_price(model, report.model, own, price_of)
    computed, parts = priced(usage, report.turns, report.service_tier, price, price_of)
    if report.cost is not None:
        return replace(computed, total=report.cost, status=CostStatus.REPORTED), parts
    computed = with_doubt(computed, model, report.model, clamped=report.clamped)
    return _beside(computed, report.rounded, final=usage.final), parts


def _beside(computed: Cost, rounded: Money | None, *, final: bool) -> Cost:
    """A computed cost, or what the provider says in round figures where that tells more."""
    if rounded is None or (final and _explains(computed, rounded)):
        return computed
    if final:
        return replace(computed, total=rounded, status=CostStatus.REPORTED)
    return at_least(computed, rounded)


def at_least(computed: Cost, rounded: Money) -> Cost:
    """The cost of a stream that broke off, of which the provider has said in round figures what was made by then: it
    is not less."""
    known = computed.total is not None and computed.total.picos < rounded.picos
    return replace(computed, total=rounded) if known else computed


def _explains(computed: Cost, rounded: Money) -> bool:
    """Whether a computed cost is sure, and not less than what the provider says in round figures."""
    return computed.status is CostStatus.EXACT and rounded.picos - computed.known.picos <= ROUNDED_BY.picos


def settling_price(model: str, served: str | None, own: Price | None, price_of: PriceOf) -> Price | None:
    """A moving alias pays for the model that it stood for, if the answer names it; all else its `own` price."""
    if served and (own is None or model.endswith(MOVING)):
        return price_of(served) or own
    return own


def priced(
    usage: Usage, turns: Sequence[Turn], service_tier: str | None, price: Price | None, price_of: PriceOf
) -> tuple[Cost, tuple[Part, ...]]:
    """Usage times price; where parts are priced on their own, their sum, and what each of them cost."""
    if not turns or not usage.final:
        return price.of(usage, service_tier) if price else UNPRICED, ()
    parts = tuple([_part(turn, service_tier, price, price_of) for turn in turns])
    return total([part.cost for part in parts]), parts


def _part(turn: Turn, service_tier: str | None, price: Price | None, price_of: PriceOf) -> Part:
    """What may not be charged at all costs nothing as far as is known."""
    if turn.doubtful:
        return Part(turn.usage, Cost(ZERO, CostStatus.UNCERTAIN), turn.model or "", doubtful=True)
    if turn.model is not None:
        price = price_of(turn.model)
    return Part(turn.usage, price.of(turn.usage, service_tier) if price else UNPRICED, turn.model or "")


def with_doubt(cost: Cost, model: str, served: str | None, *, clamped: bool) -> Cost:
    """A cost is not exact if the counters were mended, or if nobody said which model an alias stood for."""
    unresolved = model.endswith(MOVING) and (served or MOVING).endswith(MOVING)
    if (clamped or unresolved) and cost.status is CostStatus.EXACT:
        return replace(cost, status=CostStatus.UNCERTAIN)
    return cost
