"""Whether similar questions may share answers: only while what was seen proves that few of these would be wrong.

Each would-be hit that is asked anyway tells whether the old answer would have done. Of the hits at or above a level of
similarity, the share of wrong ones is tested against the rate that is allowed, with a test that holds at every moment,
however often one looks: a mixture martingale (Robbins 1970, https://doi.org/10.1214/aoms/1177696786; as confidence
sequences, Howard and others 2021, https://doi.org/10.1214/20-AOS1991). Levels are tested from the strictest down, and
the first that is not proven ends it, so that the chance of ever serving at more than the allowed rate is at most
DOUBT, whatever the number of levels.

Only calls that were chosen without looking count: all, while nothing is served, and then the share that is asked
anyway. vCache (Schroeder and others 2025, https://arxiv.org/abs/2502.03771) does this for each kept answer by itself;
here a tenant's hits at one level are one population, which is known sooner and promises less about a single one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

LEVELS = (0.999, 0.97, 0.95, 0.93, 0.9, 0.85, 0.8)
"""Of similarity. The strictest has the same words in the same order, but for articles."""

DOUBT = 0.05
"""The chance, at most, that it ever serves at more than the allowed rate, as long as callers ask as they did."""

COUNTED_MAX = 2000
"""Of hits. Then all counts are halved, so that what is long ago weighs little once callers ask something else."""

_PRIOR_ERRORS = 1.0
_PRIOR_WEIGHT = 5.0
"""The mixture is Beta(1, 5 ÷ allowed rate): made to know soonest where errors are a fifth of what is allowed."""


@dataclass
class Evidence:
    """What one tenant's hits have told. `allowed`: the share of hits that may be wrong."""

    allowed: float
    counts: list[list[float]] = field(default_factory=lambda: [[0.0, 0.0] for _ in LEVELS])  # Hits, wrong ones.
    threshold: float | None = None  # The similarity from which on answers are served; None: nothing is.

    def serves(self, score: float) -> bool:
        """Whether a hit of this similarity is given."""
        return self.threshold is not None and score >= self.threshold

    def saw(self, score: float, *, good: bool, chosen: bool) -> None:
        """A hit was asked anyway, and the old answer would have done, or not. `chosen`: it was among those that are
        asked whatever is served."""
        if not (chosen or self.threshold is None):
            return
        for level, count in zip(LEVELS, self.counts, strict=True):
            if score >= level:
                count[0] += 1
                count[1] += not good
                if count[0] > COUNTED_MAX:
                    count[:] = [count[0] / 2, count[1] / 2]
        self.threshold = self._proven()

    def bound(self, level: int = 0) -> float:
        """The largest share of wrong hits that the evidence of a level, by its number, does not rule out."""
        hits, wrong = self.counts[level]
        low, high = wrong / hits if hits else 1.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if ruled_out(hits, wrong, middle) else (middle, high)
        return high

    def _proven(self) -> float | None:
        proven = None
        for level, (hits, wrong) in zip(LEVELS, self.counts, strict=True):
            if not ruled_out(hits, wrong, self.allowed):
                break
            proven = level
        return proven


def ruled_out(hits: float, wrong: float, rate: float) -> bool:
    """Whether so many hits with so many wrong ones rule out that this share of them, or more, is wrong."""
    if hits == 0 or wrong >= rate * hits or rate >= 1:
        return hits > 0 and rate >= 1
    right, weight = hits - wrong, _PRIOR_WEIGHT / rate
    mixed = _log_beta(_PRIOR_ERRORS + wrong, weight + right) - _log_beta(_PRIOR_ERRORS, weight)
    return mixed - wrong * math.log(rate) - right * math.log1p(-rate) >= -math.log(DOUBT)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
