"""The chance that a model's answer to a prompt is good: a few traits of the prompt, and how each model fares with them.

The same few traits serve all models (reduced-rank regression, Izenman 1975), so that a prompt is read once whatever the
number of models, and a model with few scores leans on what is known of the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from math import sqrt
from operator import itemgetter
from pathlib import Path
from typing import Self

import msgspec
from msgspec import Struct

from gateway.difficulty import features
from gateway.difficulty.packed import Packed

FORMAT = "fareway-difficulty"
FORMAT_VERSION = 1
DEPTH = 5  # Of the tree that sorts prompts into clusters.
CLUSTERS = 1 << DEPTH


class Unreadable(ValueError):
    """The file is no difficulty model, or one of another version."""


class Trait(Struct, frozen=True):
    """One thing that tells prompts apart: `constant` + buckets' mean weight / norm + numbers."""

    constant: float
    numbers: tuple[float, ...]
    buckets: Packed


class Learned(Struct, frozen=True):
    """A model as its file has it. docs/routing.md describes each field."""

    format: str
    version: int
    features: int
    about: dict[str, str]
    models: tuple[str, ...]
    chances: tuple[float, ...]  # Of each model, for a prompt whose traits are all nought.
    loadings: tuple[tuple[float, ...], ...]  # Of each model, by trait.
    traits: tuple[Trait, ...]
    squares: Packed  # Of each bucket: what it adds to a prompt's squared norm.
    splits: tuple[float, ...]  # Of the tree, its root first; level by level the next trait.

    @property
    def whole(self) -> bool:
        """Whether all parts are as long as they must be."""
        tables = (self.squares, *(trait.buckets for trait in self.traits))
        return (
            len(self.models) == len(self.chances) == len(self.loadings)
            and all(len(row) == len(self.traits) for row in self.loadings)
            and all(len(trait.numbers) == len(features.NUMBERS) for trait in self.traits)
            and all(len(table.halves) == 2 * features.BUCKETS for table in tables)
            and len(self.splits) == CLUSTERS - 1
            and bool(self.traits)
        )


class Difficulty:
    """A trained model, ready to be asked. Never changes."""

    def __init__(self, learned: Learned) -> None:
        self.models = learned.models
        self.about = learned.about
        self._rows = dict(zip(learned.models, zip(learned.chances, learned.loadings, strict=True), strict=True))
        self._traits = [(t.constant, t.numbers, _padded(t.buckets)) for t in learned.traits]
        self._squares = _padded(learned.squares)
        self._splits = learned.splits

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The model of a file, or the one that comes with the gateway. Raises Unreadable, or OSError."""
        source = files("gateway.difficulty").joinpath("default.json") if path is None else path
        try:
            learned = msgspec.json.decode(source.read_bytes(), type=Learned)
        except msgspec.DecodeError as error:
            raise Unreadable(f"{source} is no difficulty model: {error}") from None
        found = (learned.format, learned.version, learned.features)
        if found != (FORMAT, FORMAT_VERSION, features.VERSION):
            raise Unreadable(f"{source} is of another version: train it anew with `fareway router train`")
        if not learned.whole:
            raise Unreadable(f"{source} is no difficulty model: parts of it are missing")
        return cls(learned)

    def chances(self, prompt: str, models: Collection[str]) -> Mapping[str, float]:
        """The chance, 0 to 1, that each of these models answers well; those that it was not trained on are left out."""
        known = [model for model in models if model in self._rows]
        traits = self.traits(prompt) if known else ()
        return {model: self.chance(model, traits) for model in known}

    def chance(self, model: str, traits: Sequence[float]) -> float:
        """The chance of one of `models`, by the traits of the prompt."""
        chance, loadings = self._rows[model]
        return min(1.0, max(0.0, chance + _dot(loadings, traits)))

    def cluster(self, prompt: str) -> int:
        """Which of the CLUSTERS kinds of prompts this is: 0 to CLUSTERS - 1."""
        return self.cluster_of(self.traits(prompt))

    def cluster_of(self, traits: Sequence[float]) -> int:
        """The same, by the traits of the prompt."""
        node = 0
        for level in range(DEPTH):
            above = traits[level % len(traits)] > self._splits[node]
            node = 2 * node + (2 if above else 1)
        return node - (CLUSTERS - 1)

    def traits(self, prompt: str) -> tuple[float, ...]:
        """What the model sees in a prompt."""
        buckets, numbers = features.read(prompt)
        of = itemgetter(features.BUCKETS, features.BUCKETS, *buckets)
        norm = sqrt(sum(of(self._squares))) or 1.0
        return tuple(
            [constant + _dot(weights, numbers) + sum(of(table)) / norm for constant, weights, table in self._traits]
        )


def _padded(numbers: Packed) -> tuple[float, ...]:
    """With a nought behind them: a getter of two things or more gives a tuple, whatever the prompt."""
    return (*numbers.floats(), 0.0)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum([a * b for a, b in zip(left, right, strict=True)])
