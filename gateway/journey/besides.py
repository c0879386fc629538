"""Other models that a provider may run within one call: what they can cost on top of the model that was asked."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from gateway.core.money import Money
from gateway.core.price import STANDARD_TIERS, Price
from gateway.core.request import Request


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
