"""What one request costs on hardware of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gateway.core.money import PICOS_PER_DOLLAR, Money
from gateway.planning.amounts import over, times

OVERHEAD = Fraction("0.2")
"""Of compute: balancing, monitoring."""
MEMORY = Fraction("0.1")
"""Of the hourly price, spread over the requests of an hour."""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class RequestCost:
    """One request, and the tokens of it."""

    compute: Money
    overhead: Money
    memory: Money
    tokens: int

    @property
    def total(self) -> Money:
        """All of it."""
        return self.compute + self.overhead + self.memory

    @property
    def per_thousand(self) -> Money:
        """A thousand requests."""
        return times(self.total, 1000)

    @property
    def per_million_tokens(self) -> Money:
        """A million tokens, input and output alike."""
        return over(times(self.total, 10**6), self.tokens)

    @property
    def per_dollar(self) -> int:
        """How many requests a dollar buys, to the nearest."""
        return round(Fraction(PICOS_PER_DOLLAR, self.total.picos))


def request_cost(hourly: Money, batch: int, latency_ms: Fraction, tokens: int) -> RequestCost:
    """A batch takes `latency_ms` on hardware that costs `hourly`; its requests share the time."""
    hours = latency_ms / batch / HOUR_MS
    compute, memory = times(hourly, hours), times(hourly, MEMORY * hours)
    return RequestCost(compute, times(compute, OVERHEAD), memory, tokens)
