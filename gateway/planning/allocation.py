"""Training against inference over a year, and what a request comes to with both."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gateway.core.money import Money
from gateway.planning.amounts import MONTHS_PER_YEAR, over, times


@dataclass(frozen=True, slots=True)
class Year:
    """A year of one model."""

    training: Money
    inference: Money
    requests: int

    @property
    def total(self) -> Money:
        """Both together."""
        return self.training + self.inference

    @property
    def training_share(self) -> Fraction:
        """From 0 to 1; none where nothing is spent."""
        return Fraction(self.training.picos, self.total.picos) if self.total else Fraction(0)

    @property
    def per_request(self) -> Money:
        """Training spread over the requests of the year."""
        return over(self.total, self.requests)


def year(initial: Money, retraining: Money, months_between: Fraction, monthly_requests: int, request: Money) -> Year:
    """The first training, so many further ones, and the requests of twelve months at `request` each."""
    training = initial + times(retraining, MONTHS_PER_YEAR / months_between)
    requests = monthly_requests * MONTHS_PER_YEAR
    return Year(training, times(request, requests), requests)
