"""Energy and carbon of calls: measured time on own hardware, and estimates by output tokens for APIs.

What an API's hardware draws nobody tells. About 0.3 Wh for a typical chat answer of 500 tokens (Epoch AI, 2025,
https://epoch.ai/gradient-updates/how-much-energy-does-chatgpt-use) is 0.6 Wh per thousand output tokens; Google reports
0.24 Wh for its median prompt (2025, https://cloud.google.com/blog/products/infrastructure/measuring-the-environmental-impact-of-ai-inference).
Small models stay near 0.12, large ones that reason reach 6: every figure for an API comes with these two bounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

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

    @property
    def kwh(self) -> Fraction:
        """The estimate in kWh."""
        return self.wh / 1000

    def grams(self, per_kwh: int = GRID_G_PER_KWH) -> Fraction:
        """Of CO2e, where a kWh comes with so many."""
        return self.kwh * per_kwh


def footprint(made: Iterable[Call], draw: Draw | None) -> Footprint:
    """Of all these calls. Self-hosted ones count by their time where it is known what the hardware draws."""
    count, least, usual, most = 0, Fraction(0), Fraction(0), Fraction(0)
    for call in made:
        low, middle, high = _wh(call, draw)
        count, least, usual, most = count + 1, least + low, usual + middle, most + high
    return Footprint(count, least, usual, most)


def _wh(call: Call, draw: Draw | None) -> tuple[Fraction, Fraction, Fraction]:
    if call.selfhosted and draw is not None:
        measured = Fraction(draw.watts * call.duration_ms, draw.together * MS_PER_HOUR) * draw.pue
        return measured, measured, measured
    low, middle, high = (per_thousand * call.usage.output_total / 1000 for per_thousand in API_WH)
    return low, middle, high
