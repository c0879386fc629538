"""From scores to a model: one ridge regression for each model's scores on the features of the prompts, all of them
brought down to a few traits. Deterministic, and nothing but the standard library: a gateway's own machine can do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

from gateway.difficulty import features
from gateway.difficulty.linear import Design, Vector, Weights, axes, dot, ridge
from gateway.difficulty.model import DEPTH, FORMAT, FORMAT_VERSION, Learned, Trait
from gateway.difficulty.packed import Packed

TRAITS = 6
"""More fit the noise of single models."""

PENALTIES = (3.0, 10.0, 30.0, 100.0)
"""Of the ridge. Which of them is right depends on how many prompts there are and how much they tell."""

PARTS, PROMPTS_TRIED = 4, 1500
"""Each part is held back once while the penalty is chosen, on no more prompts than it takes to see."""

NUMBERS_WEIGHT = 0.1
"""A number weighs so much beside all words together."""


Scores = Sequence[Sequence[float | None]]
"""By model, then by prompt; None where it was not tried."""


class Example(NamedTuple):
    """What models scored on one prompt, 0 to 1. Models that were not tried are left out."""

    prompt: str
    scores: Mapping[str, float]


class Fit(NamedTuple):
    """The regressions of all models with one penalty."""

    penalty: float
    weights: list[Weights]  # By model.
    fitted: list[Vector]  # By model: the score of each prompt.


def train(examples: Sequence[Example], about: Mapping[str, str], penalty: float | None = None) -> Learned:
    """The model that these examples teach; without a penalty, with the one that says best which model is better on
    prompts held back. Raises ValueError where there is nothing to learn from."""
    models = sorted({model for example in examples for model in example.scores})
    if not models:
        raise ValueError("there are no scores to learn from")
    design, scores = _table(examples, models)
    if penalty is None:
        penalty = _best_penalty(*_table(examples[:: 1 + len(examples) // PROMPTS_TRIED], models))
    fit = _fit(design, scores, penalty)
    means = [fmean(column) for column in fit.fitted]
    centred = [[x - mean for x in column] for column, mean in zip(fit.fitted, means, strict=True)]
    found = axes(centred, TRAITS)
    return Learned(
        format=FORMAT,
        version=FORMAT_VERSION,
        features=features.VERSION,
        about={**about, "prompts": str(len(examples)), "penalty": f"{fit.penalty:g}"},
        models=tuple(models),
        chances=tuple(means),
        loadings=tuple(zip(*found, strict=True)),
        traits=tuple([_trait(design, fit.weights, means, axis) for axis in found]),
        squares=_packed(design, [rarity**2 for rarity in design.rarity]),
        splits=_splits([[dot(axis, row) for axis in found] for row in zip(*centred, strict=True)]),
    )


def _table(examples: Sequence[Example], models: Sequence[str]) -> tuple[Design, Scores]:
    design = Design([features.read(example.prompt) for example in examples], NUMBERS_WEIGHT)
    return design, [[example.scores.get(model) for example in examples] for model in models]


def _fit(design: Design, scores: Scores, penalty: float) -> Fit:
    weights = [ridge(design, column, penalty) for column in scores]
    return Fit(penalty, weights, [design.times(found) for found in weights])


def _best_penalty(design: Design, scores: Scores) -> float:
    return min(PENALTIES, key=lambda penalty: sum([_error(design, scores, penalty, part) for part in range(PARTS)]))


def _error(design: Design, scores: Scores, penalty: float, part: int) -> float:
    """The squared error, on the part held back, of how much better each model is than the prompt's average: what all of
    them get right or wrong alike decides nothing."""
    shown = [[None if row % PARTS == part else x for row, x in enumerate(column)] for column in scores]
    fitted = _fit(design, shown, penalty).fitted
    total = 0.0
    for row in range(part, len(fitted[0]), PARTS):
        off = [column[row] - x for column, truth in zip(fitted, scores, strict=True) if (x := truth[row]) is not None]
        average = fmean(off) if len(off) > 1 else 0.0
        total += sum([(x - average) ** 2 for x in off])
    return total


def _trait(design: Design, fits: Sequence[Weights], means: Sequence[float], axis: Vector) -> Trait:
    """The weights of all models along one axis; standardising the numbers is folded in."""
    together = fits[0].plus(fits[0], -1)
    for fit, part in zip(fits, axis, strict=True):
        together = together.plus(fit, part)
    constant, *dense = together.dense
    numbers = [weight / width for weight, width in zip(dense, design.widths, strict=True)]
    constant -= dot(means, axis) + dot(numbers, design.centres)
    words = [weight * rarity for weight, rarity in zip(together.words, design.rarity, strict=True)]
    return Trait(constant, tuple(numbers), _packed(design, words))


def _packed(design: Design, of_words: Sequence[float]) -> Packed:
    """By bucket; nought where there is no word to tell anything."""
    known = dict(zip(design.words, of_words, strict=True))
    return Packed.of([known.get(bucket, 0.0) for bucket in range(features.BUCKETS)])


def _splits(points: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """A tree that halves the prompts at the median of one trait after the other (a k-d tree, Bentley 1975)."""
    splits: list[float] = []
    nodes = [list(points)]
    for level in range(DEPTH):
        trait = level % len(points[0])
        below: list[list[Sequence[float]]] = []
        for node in nodes:
            split = median([point[trait] for point in node]) if node else 0.0
            splits.append(split)
            below += [[p for p in node if p[trait] <= split], [p for p in node if p[trait] > split]]
        nodes = below
    return tuple(splits)
