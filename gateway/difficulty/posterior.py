"""How good each model's answers are to each kind of prompt: what was predicted, corrected by what callers have said.

A score between 0 and 1 is that much of a success and the rest of a failure, so the scores of one kind of prompt at one
model are a Beta distribution's counts. The prediction stands before them as a prior of STRENGTH answers: with so many
scores, prediction and feedback weigh the same; with none, the prediction stands. Old scores fade, half of each in
HALF_LIFE_S, because models and prompts change under their names.

Pure: time is an argument. In whatever order scores come, the counts are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable

from gateway.core.rating import Rating

STRENGTH = 20.0
"""How many scores a prediction is worth."""

HALF_LIFE_S = 14 * 86_400.0
"""After so many seconds a score counts half."""


class _Counts:
    """Scores, each weighed as at one moment that never changes: so fading is one factor for all."""

    __slots__ = ("good", "weight")

    def __init__(self) -> None:
        self.good = 0.0
        self.weight = 0.0

    def add(self, score: float, weight: float) -> None:
        self.good += score * weight
        self.weight += weight


class Posteriors:
    """What was said, by kind of prompt and model. `since`: a moment near those that will be spoken of, Unix seconds."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._counts: defaultdict[Hashable, _Counts] = defaultdict(_Counts)

    def learn(self, rating: Rating) -> None:
        """A caller has said how good an answer was."""
        weight = self._weight(rating.at)
        self._counts[rating.cluster, rating.model].add(rating.score, weight)
        self._counts[rating.model].add(rating.score, weight)

    def fading(self, now: float) -> float:
        """What `chance` has to know of the moment, once for all models."""
        return 1.0 / self._weight(now)

    def chance(self, cluster: int, model: str, predicted: float | None, fading: float) -> float | None:
        """The chance that the model's answer to a prompt of this kind is good; None where nobody knows.

        Without a prediction the model's own average over all prompts takes its place, once STRENGTH scores are known:
        few scores must not make an unknown model look good.
        """
        if predicted is None:
            overall = self._counts.get(model)
            if overall is None or overall.weight * fading < STRENGTH:
                return None
            predicted = overall.good / overall.weight
        counts = self._counts.get((cluster, model))
        if counts is None:
            return predicted
        return (STRENGTH * predicted + counts.good * fading) / (STRENGTH + counts.weight * fading)

    def _weight(self, at: float) -> float:
        return float(2.0 ** ((at - self._since) / HALF_LIFE_S))
