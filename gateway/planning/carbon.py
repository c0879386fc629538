"""Energy and carbon of calls: measured time on own hardware, and estimates by output tokens for APIs.

What an API's hardware draws nobody tells. About 0.3 Wh for a typical chat answer of 500 tokens (Epoch AI, 2025,
https://epoch.ai/gradient-updates/how-much-energy-does-chatgpt-use) is 0.6 Wh per thousand output tokens; Google reports
0.24 Wh for its median prompt (2025, https://cloud.google.com/blog/products/infrastructure/measuring-the-environmental-impact-of-ai-inference).
Small models stay near 0.12, large ones that reason reach 6: every figure for an API comes with these two bounds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from gateway.core.entry import Outcome
from gateway.planning.traffic import Call

API_WH = (Fraction("0.12"), Fraction("0.6"), Fraction(6))
"""Per thousand output tokens: least, usual, most. Power for cooling is in it."""
GRID_G_PER_KWH = 473
"""Grams of CO2e per kWh, the world in 2024 (Ember, Global Electricity Review 2025, https://ember-energy.org)."""
PUE = Fraction("1.2")
"""What a data centre draws for each unit that its computers draw."""
MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Draw:
    """Own hardware: watts of all devices that answer, and how many calls they answer together."""

    watts: int
    together: int = 1
    pue: Fraction = PUE


@dataclass(frozen=True, slots=True)
class Footprint:
    """Energy in Wh: the estimate, and the bounds that it is within."""

    calls: int
    wh_least: Fraction
    wh: Fraction
    wh_most: Fraction

    def __add__(self, other: Footprint) -> Footprint:
        """Both together."""
        return Footprint(
            self.calls + other.calls,
            self.wh_least + other.wh_least,
            self.wh + other.wh,
            self.wh_most + other.wh_most,
        )

    @property
    def kwh(self) -> Fraction:
        """The estimate in kWh."""
        return self.wh / 1000

    def grams(self, per_kwh: int = GRID_G_PER_KWH) -> Fraction:
        """Of CO2e, where a kWh comes with so many."""
        return self.kwh * per_kwh


Key = TypeVar("Key")


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    output: int = 0  # Tokens of calls whose energy is estimated.
    ms: int = 0  # Of those whose energy is measured.

    def footprint(self, draw: Draw | None) -> Footprint:
        own = Fraction(0)
        if draw is not None:
            own = Fraction(draw.watts * self.ms, draw.together * MS_PER_HOUR) * draw.pue
        least, usual, most = (own + per_thousand * self.output / 1000 for per_thousand in API_WH)
        return Footprint(self.calls, least, usual, most)


def footprints(made: Iterable[Call], draw: Draw | None, by: Callable[[Call], Key]) -> dict[Key, Footprint]:
    """Of calls by what they have in common. Self-hosted ones count by their time where it is known what the hardware
    draws."""
    sums: defaultdict[Key, _Sum] = defaultdict(_Sum)
    for call in made:
        if call.outcome is Outcome.ADJUSTED:
            continue
        one = sums[by(call)]
        one.calls += 1
        if call.selfhosted and draw is not None:
            one.ms += call.duration_ms
        else:
            one.output += call.usage.output_total
    return {key: one.footprint(draw) for key, one in sums.items()}
