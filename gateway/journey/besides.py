"""Other models that a provider may run within one call: what they can cost on top of the model that was asked."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from gateway.catalog.providers import Provider
from gateway.core.money import Money
from gateway.core.price import STANDARD_TIERS, Price, conditions
from gateway.core.request import Facts, Request
from gateway.prices.book import PriceBook

OUTPUT_TOKENS_MAX = 32_768
"""Taken for the most that a model generates when neither the caller, the configuration nor the price book says."""


class Beside(Struct, frozen=True):
    """One of them, with its price there. Where none is known, nothing bounds what the call can cost."""

    price: Price | None
    tier: str  # All that is asked for it that changes its price.
    output_max: int | None = None  # Tokens, each time that it runs. None: as many as the call itself.
    advises: int = 0  # So often the model that answers may ask it; 0 for one that answers in the model's place.

    def made(self, output_tokens: int) -> int:
        """Tokens that it generates at most each time, in a call that may generate so many."""
        return output_tokens if self.output_max is None else self.output_max

    def under(self, condition: str) -> Beside:
        """At the price where this condition applies, unless it asks for some other tier besides."""
        if self.price is None or self.tier not in STANDARD_TIERS:
            return self
        return replace(self, price=self.price.under(condition))


def besides_of(facts: Facts, provider: Provider, book: PriceBook, now: float) -> tuple[Beside, ...]:
    """Those that a call names, at their prices there at that Unix time."""
    besides = []
    for other in facts.also:
        price = book.price(provider.priced_as, other.model, now, provider.region)
        most = other.output_tokens_max
        if most is None and other.advises:
            most = book.output_max(provider.priced_as, other.model) or OUTPUT_TOKENS_MAX
        tier = conditions(facts.service_tier or "", other.tier)
        besides.append(Beside(price, tier, most, other.advises))
    return tuple(besides)


def worst_beside(besides: Iterable[Beside], own: Price, request: Request, output_tokens: int) -> Money:
    """The most that they add to a call that may generate so much. Whoever runs reads all that was said before it.

    What a model has said before it declines is charged, so one in its place costs as much as it would alone, on top. A
    model that was advised begins anew, with the advice in its prompt.
    """
    known = [(beside, beside.price, beside.made(output_tokens)) for beside in besides if beside.price is not None]
    answering = [(own, request.facts.service_tier)]
    said, picos = request.input_tokens + output_tokens, 0
    for beside, price, made in known:
        if not beside.advises:
            picos += price.worst(said, made, beside.tier).picos
            said += made
            answering.append((price, beside.tier))
    said += sum(made * beside.advises for beside, _, made in known)
    anew = max([price.worst(said, 0, tier).picos for price, tier in answering])
    for beside, price, made in known:
        picos += beside.advises * (price.worst(said, made, beside.tier).picos + anew)
    return Money(picos)
