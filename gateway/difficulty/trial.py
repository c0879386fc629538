"""How good a model would be on prompts that it has not seen, by quality alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from gateway.difficulty.model import Difficulty
from gateway.difficulty.training import Example, train

PARTS = 5
"""The last of so many prompts is held back: every fifth."""


class Trial(NamedTuple):
    """Mean scores on prompts held back that all models were tried on."""

    prompts: int
    models: dict[str, float]  # Of each model.
    fixed: str  # The one that is best on the other prompts.
    picked: float  # Whoever is predicted to be best, prompt by prompt.
    oracle: float  # Whoever is best, prompt by prompt.


def trial(examples: Sequence[Example]) -> Trial | None:
    """Train on four fifths, and look at the last. None where too few prompts have a score of every model."""
    models = sorted({model for example in examples for model in example.scores})
    taught = [example for number, example in enumerate(examples) if number % PARTS]
    asked = [example for example in examples[::PARTS] if len(example.scores) == len(models)]
    if len(models) < 2 or len(asked) < PARTS:
        return None
    means = {model: fmean([e.scores[model] for e in taught if model in e.scores] or [0.0]) for model in models}
    difficulty = Difficulty(train(taught, {}))
    picks = []
    for example in asked:
        chances = difficulty.chances(example.prompt, models)
        picks.append(example.scores[max(chances, key=lambda model: chances[model])])
    return Trial(
        len(asked),
        {model: fmean([example.scores[model] for example in asked]) for model in models},
        max(means, key=lambda model: means[model]),
        fmean(picks),
        fmean([max(example.scores.values()) for example in asked]),
    )
