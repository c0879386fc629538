"""What estimates are worth, learned from settled calls: provider-reported tokens over the estimate, per model.

A histogram of ratios that forgets slowly. Its median makes an estimate likely; its upper end, with a
margin, makes it a bound that replaces the bytes once enough calls have been seen.
"""

from __future__ import annotations

from itertools import accumulate
from math import ceil, log2
from typing import Any

from msgspec import Struct

from gateway.tokens.estimate import estimate
from gateway.tokens.size import Size

BOUND_SAMPLES_MIN = 200
"""Calls of a kind before its bound is trusted: its upper end is the highest of them until there are a thousand."""

LIKELY_SAMPLES_MIN = 8
"""Calls of a kind before its median is."""

BOUND_QUANTILE = 0.999
BOUND_MARGIN = 1.25
EXCESS_WEIGHT = 0.004
"""A call above its bound counts as so much of all that was seen, so that the bound covers the next one like it."""

STEADY_TOKENS = 32
"""Added to both sides of a ratio: a template of ten tokens says nothing where the text has five."""

SAMPLES_MAX = 2048
"""After which all counts are halved, so that the newest calls weigh as much as all before."""

MODELS_MAX = 500

_STEPS = 32  # Of ratios in an octave: 2.2 % each.
_OCTAVES = 4  # To either side of one.
_BUCKETS = 2 * _OCTAVES * _STEPS
_LEARN_EVERY = 8  # Calls, once enough were seen for a bound. A call above its bound is always learned from.
_REFRESH_EVERY = 16  # Samples between two looks at the histogram.
_ERROR_STEP = 1 / 64


class Remembered(Struct, omit_defaults=True):
    """What is kept of one model's calls of one kind: all of it, as it is written to disk."""

    counts: dict[int, int]
    error: float = 0.0  # Recent average of |likely - actual| / actual.
    samples: int = 0  # Ever.


class Ratios:
    """Reported tokens over estimates, of one model's calls of one kind. Constant time and space."""

    def __init__(self, kept: Remembered | None = None) -> None:
        self._counts = [0] * _BUCKETS
        for bucket, count in (kept.counts if kept else {}).items():
            self._counts[min(max(bucket, 0), _BUCKETS - 1)] += max(0, count)
        self._weight = sum(self._counts)
        self.seen = 0  # Calls seen by this process.
        self.samples = kept.samples if kept else 0
        self.error = kept.error if kept else 0.0
        self.median = self.upper = 1.0
        self._refresh()

    def learn(self, estimated: float, actual: int, *, exceeded: bool = False) -> None:
        """One settled call. `exceeded`: it was above its bound."""
        likely = self.likely(estimated)
        step = max(_ERROR_STEP, 1 / (self.samples + 1))
        self.error += (abs(likely - actual) / max(1, actual) - self.error) * step
        self.samples += 1
        weight = 1 + ceil(self._weight * EXCESS_WEIGHT) if exceeded else 1
        self._counts[_bucket((actual + STEADY_TOKENS) / (estimated + STEADY_TOKENS))] += weight
        self._weight += weight
        if self._weight >= SAMPLES_MAX:
            self._counts = [count // 2 for count in self._counts]
            self._weight = sum(self._counts)
        if exceeded or self.samples < BOUND_SAMPLES_MIN or self.samples % _REFRESH_EVERY == 0:
            self._refresh()

    def sees(self) -> bool:
        """One more call. Whether to learn from it: from all at first, later from some."""
        self.seen += 1
        return self.samples < BOUND_SAMPLES_MIN or self.seen % _LEARN_EVERY == 0

    def likely(self, estimated: float) -> float:
        """The estimate, put right by the median once there is one."""
        if self.samples < LIKELY_SAMPLES_MIN:
            return estimated
        return max(1.0, self.median * (estimated + STEADY_TOKENS) - STEADY_TOKENS)

    def most(self, estimated: float) -> int | None:
        """A bound that hardly any call passes; None while too few were seen."""
        if self.samples < BOUND_SAMPLES_MIN:
            return None
        return ceil(self.upper * BOUND_MARGIN * (estimated + STEADY_TOKENS))

    def remembered(self) -> Remembered:
        """All that is to be kept."""
        counts = {bucket: count for bucket, count in enumerate(self._counts) if count}
        return Remembered(counts, round(self.error, 4), self.samples)

    def _refresh(self) -> None:
        """Look at the histogram: what it says of the middle and of the upper end."""
        if not self._weight:
            return
        running = list(accumulate(self._counts))
        middle = next(i for i, total in enumerate(running) if 2 * total >= self._weight)
        within = (self._weight / 2 - running[middle] + self._counts[middle]) / self._counts[middle]
        self.median = _ratio(middle + within)
        self.upper = _ratio(1 + next(i for i, total in enumerate(running) if total >= BOUND_QUANTILE * self._weight))


class Calibration:
    """The ratios of all models. Names come from settled calls only, so callers cannot mint them."""

    def __init__(self) -> None:
        self._ratios: dict[tuple[str, str], Ratios] = {}
        self.learned = 0  # Since this process began: whether there is anything new to keep.

    def learn(self, size: Size, model: str, actual: int, *, bound: int) -> None:
        """A call of this size was billed for so many input tokens, and `bound` was held for it."""
        if size.text is None or actual <= 0:
            return
        ratios = self._ratios.get((model, size.kind))
        if ratios is None:
            if len(self._ratios) >= MODELS_MAX:
                return
            ratios = self._ratios[model, size.kind] = Ratios()
        if ratios.sees() or actual > bound:
            ratios.learn(estimate(size, model), actual, exceeded=actual > bound)
            self.learned += 1

    def likely(self, size: Size, model: str) -> int:
        """Input tokens, as likely more as less."""
        ratios, estimated = self._ratios.get((model, size.kind)), estimate(size, model)
        return ceil(estimated if ratios is None or size.text is None else ratios.likely(estimated))

    def most(self, size: Size, model: str) -> int | None:
        """Input tokens that hardly any call like this has passed; None where too little is known."""
        ratios = self._ratios.get((model, size.kind))
        return None if ratios is None or size.text is None else ratios.most(estimate(size, model))

    def errors(self) -> dict[tuple[str, ...], float]:
        """By model and kind: how far likely figures were off lately, on average."""
        return {key: ratios.error for key, ratios in self._ratios.items()}

    def remembered(self) -> dict[str, dict[str, Remembered]]:
        """All that is to be kept, by model and kind."""
        kept: dict[str, dict[str, Remembered]] = {}
        for (model, kind), ratios in self._ratios.items():
            kept.setdefault(model, {})[kind] = ratios.remembered()
        return kept

    def remember(self, kept: dict[str, dict[str, Remembered]]) -> None:
        """Go on from what was kept."""
        named: list[tuple[tuple[str, str], Any]] = [((m, k), r) for m, kinds in kept.items() for k, r in kinds.items()]
        self._ratios.update((key, Ratios(ratios)) for key, ratios in named[:MODELS_MAX])


def _bucket(ratio: float) -> int:
    return min(max(int((log2(ratio) + _OCTAVES) * _STEPS), 0), _BUCKETS - 1)


def _ratio(bucket: float) -> float:
    return float(2 ** (bucket / _STEPS - _OCTAVES))
