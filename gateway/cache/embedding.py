"""Finding what makes vectors of questions by its dotted name: ours loads like anybody's."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping

from gateway.cache.lexical import Vector

LEXICAL = "gateway.cache.lexical"

Embed = Callable[[str], Vector]
"""A question as weights of its features, of length 1 all together. Pure, and as fast as its callers can wait."""


class NoEmbedding(ValueError):
    """The dotted name leads to none."""


def load_embedding(dotted: str) -> Embed:
    """The function `embed` in that module. It may return weights by feature or, as models do, a list of numbers, of any
    length. Raises NoEmbedding, saying what is missing."""
    try:
        embed = getattr(importlib.import_module(dotted), "embed", None)
    except ImportError as error:
        raise NoEmbedding(f"there is no module {dotted!r}: {error}") from error
    if not callable(embed):
        raise NoEmbedding(f"{dotted!r} has no function `embed(text)`")
    found: Embed = embed
    return found if dotted == LEXICAL else lambda text: of_length_one(found(text))


def of_length_one(weights: Mapping[str, float] | list[float]) -> Vector:
    """The same direction. A dense vector becomes weights by position."""
    if not isinstance(weights, Mapping):
        weights = {str(position): float(weight) for position, weight in enumerate(weights)}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {feature: weight / length for feature, weight in weights.items()} if length else {}
