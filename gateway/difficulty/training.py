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

PENALTY = 30.0
"""Of the ridge."""

NUMBERS_WEIGHT = 0.3
"""How much a number counts beside all words together."""


class Example(NamedTuple):
    """What models scored on one prompt, 0 to 1. Models that were not tried are left out."""

    prompt: str
    scores: Mapping[str, float]


def train(examples: Sequence[Example], about: Mapping[str, str], *, penalty: float = PENALTY) -> Learned:
    """The model that these examples teach. Raises ValueError where there is nothing to learn from."""
    models = sorted({model for example in examples for model in example.scores})
    if not models:
        raise ValueError("there are no scores to learn from")
    design = Design([features.read(example.prompt) for example in examples], NUMBERS_WEIGHT)
    fits = [ridge(design, [example.scores.get(model) for example in examples], penalty) for model in models]
    fitted = [design.times(fit) for fit in fits]
    means = [fmean(column) for column in fitted]
    centred = [[x - mean for x in column] for column, mean in zip(fitted, means, strict=True)]
    found = axes(centred, TRAITS)
    return Learned(
        format=FORMAT,
        version=FORMAT_VERSION,
        features=features.VERSION,
        about=dict(about),
        models=tuple(models),
        chances=tuple(means),
        loadings=tuple(zip(*found, strict=True)),
        traits=tuple([_trait(design, fits, means, axis) for axis in found]),
        squares=Packed.of([rarity**2 for rarity in design.rarity]),
        splits=_splits([[dot(axis, row) for axis in found] for row in zip(*centred, strict=True)]),
    )


def _trait(design: Design, fits: Sequence[Weights], means: Sequence[float], axis: Vector) -> Trait:
    """The weights of all models along one axis; standardising the numbers is folded in."""
    together = fits[0].plus(fits[0], -1)
    for fit, part in zip(fits, axis, strict=True):
        together = together.plus(fit, part)
    constant, *dense = together.dense
    numbers = [weight / width for weight, width in zip(dense, design.widths, strict=True)]
    constant -= dot(means, axis) + dot(numbers, design.centres)
    return Trait(
        constant, tuple(numbers), Packed.of([w * r for w, r in zip(together.words, design.rarity, strict=True)])
    )


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
