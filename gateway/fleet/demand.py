"""What was lately asked of a provider's engines, and what of it was answered elsewhere for money: fading sums. Time is
an argument, in Unix seconds."""

from __future__ import annotations

from math import exp

from gateway.core.money import Money
from gateway.fleet.capacity import HOUR_S, Traffic
from gateway.fleet.marginal import Elsewhere

LATELY_S = 300.0
"""What was asked counts a third after so long: machines come and go in minutes."""


class Demand:
    """See the module. `share`: what this process sees of all that is asked; processes are taken to be alike."""

    def __init__(self, share: float = 1.0) -> None:
        self.elsewhere = Elsewhere()
        self.pace = 0.0  # Tokens a second that one of the engines computes, as last seen. 0: none was.
        self._share = share
        self._since: float | None = None
        self._at = 0.0
        self._tokens = 0.0
        self._spilled = 0.0  # Pico-dollars.

    def asked(self, tokens: int, now: float) -> None:
        """A call of so many tokens could go there."""
        self._fade(now)
        self._tokens += tokens

    def spilled(self, cost: Money, now: float) -> None:
        """It went elsewhere, for so much."""
        self._fade(now)
        self._spilled += cost.picos

    def traffic(self, now: float) -> Traffic:
        """What all processes are asked."""
        self._fade(now)
        return Traffic(self._per_second(self._tokens), self.elsewhere.usual, self.elsewhere.per_token)

    def spilled_per_hour(self, now: float) -> Money:
        """What goes elsewhere from all processes costs so much an hour."""
        self._fade(now)
        return Money(round(self._per_second(self._spilled) * HOUR_S))

    def _per_second(self, faded: float) -> float:
        began = self._at if self._since is None else self._since
        seconds = LATELY_S * (1 - exp((began - self._at) / LATELY_S))  # That the sum is of, faded as it is.
        return faded / max(1.0, seconds) / self._share

    def _fade(self, now: float) -> None:
        if self._since is None:
            self._since = self._at = now
        kept = exp(-max(0.0, now - self._at) / LATELY_S)
        self._tokens, self._spilled, self._at = self._tokens * kept, self._spilled * kept, max(now, self._at)
