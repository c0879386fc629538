"""The little linear algebra that training needs: rows of words beside a few dense columns, ridge regression, and the
principal axes of what it fitted. Pure Python: seconds for thousands of prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt
from operator import itemgetter, mul
from statistics import fmean, pstdev

from gateway.difficulty.features import Features

Vector = list[float]

STEPS_MAX = 30
"""Of the conjugate gradients: more fit what the penalty is there to leave alone."""

SMALL = 1e-3
"""The residual, beside the first one, at which they have arrived."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One for each column: the words', and the dense ones', the constant first."""

    words: Vector
    dense: Vector

    def plus(self, other: Weights, factor: float) -> Weights:
        """This and `factor` times the other."""
        return Weights(
            [a + factor * b for a, b in zip(self.words, other.words, strict=True)],
            [a + factor * b for a, b in zip(self.dense, other.dense, strict=True)],
        )

    def dot(self, other: Weights) -> float:
        """The scalar product."""
        return dot(self.words, other.words) + dot(self.dense, other.dense)


class Design:
    """The training prompts as a matrix. Words count by how rare they are, and a row's words have length one together
    (TF-IDF, Spärck Jones 1972); numbers are standardised. A word that stands in one prompt alone, or in all, tells
    nothing."""

    def __init__(self, read: Sequence[Features], numbers_weight: float) -> None:
        seen = Counter(bucket for features in read for bucket in features.buckets)
        self.words = sorted(bucket for bucket, count in seen.items() if 1 < count < len(read))
        self.rarity = [log(len(read) / seen[bucket]) for bucket in self.words]
        place = {bucket: number for number, bucket in enumerate(self.words)}
        rows = [sorted(place[b] for b in features.buckets if b in place) for features in read]
        columns: list[list[int]] = [[] for _ in self.words]
        for number, row in enumerate(rows):
            for word in row:
                columns[word].append(number)
        self.scales = [1 / sqrt(sum([self.rarity[w] ** 2 for w in row]) or 1.0) for row in rows]
        self._of_row = [_picked(row, len(self.words)) for row in rows]
        self._of_column = [_picked(column, len(read)) for column in columns]
        plain = list(zip(*[features.numbers for features in read], strict=True))
        self.centres = [fmean(column) for column in plain]
        self.widths = [(pstdev(column) or 1.0) / numbers_weight for column in plain]
        self.dense = [[1.0] * len(read)]
        for column, centre, width in zip(plain, self.centres, self.widths, strict=True):
            self.dense.append([(x - centre) / width for x in column])

    def times(self, weights: Weights) -> Vector:
        """One value for each prompt."""
        weighed = [*map(mul, weights.words, self.rarity), 0.0]
        values = [scale * sum(picked(weighed)) for picked, scale in zip(self._of_row, self.scales, strict=True)]
        for column, weight in zip(self.dense, weights.dense, strict=True):
            values = [value + weight * x for value, x in zip(values, column, strict=True)]
        return values

    def transposed(self, values: Vector) -> Weights:
        """Of one value for each prompt: the sum over each column."""
        scaled = [*map(mul, values, self.scales), 0.0]
        words = [rarity * sum(picked(scaled)) for picked, rarity in zip(self._of_column, self.rarity, strict=True)]
        return Weights(words, [dot(column, values) for column in self.dense])


def _picked(places: Sequence[int], nought: int) -> Callable[[Vector], tuple[float, ...]]:
    """What stands at these places, and twice at a place that holds nought: a getter of two or more gives a tuple."""
    return itemgetter(*places, nought, nought)


def ridge(design: Design, scores: Sequence[float | None], penalty: float) -> Weights:
    """The weights with the least squared error on the known scores, and `penalty` times their squares; the constant is
    free. By conjugate gradients (Hestenes and Stiefel 1952)."""
    known = [score is not None for score in scores]
    residual = design.transposed([score or 0.0 for score in scores])
    weights = Weights([0.0] * len(design.words), [0.0] * len(design.dense))
    direction, length = residual, residual.dot(residual)
    enough = SMALL**2 * length
    for _ in range(STEPS_MAX):
        if length <= enough:
            break
        across = [value if there else 0.0 for value, there in zip(design.times(direction), known, strict=True)]
        pulled = design.transposed(across).plus(_penalised(direction), penalty)
        step = length / direction.dot(pulled)
        weights, residual = weights.plus(direction, step), residual.plus(pulled, -step)
        before, length = length, residual.dot(residual)
        direction = residual.plus(direction, length / before)
    return weights


def _penalised(weights: Weights) -> Weights:
    return Weights(weights.words, [0.0, *weights.dense[1:]])


def axes(columns: Sequence[Vector], count: int) -> list[Vector]:
    """The directions, at most so many, in which columns with mean nought vary most together: unit vectors with one part
    for each column. By power iteration with deflation."""
    covariance = [[dot(left, right) for right in columns] for left in columns]
    found: list[Vector] = []
    for _ in range(min(count, len(columns))):
        axis = _strongest(covariance)
        strength = dot(axis, [dot(row, axis) for row in covariance])
        covariance = [
            [x - strength * a * b for x, b in zip(row, axis, strict=True)]
            for row, a in zip(covariance, axis, strict=True)
        ]
        found.append(axis)
    return found


def _strongest(matrix: Sequence[Vector]) -> Vector:
    axis = [1.0 + number / len(matrix) for number in range(len(matrix))]
    for _ in range(500):
        turned = [dot(row, axis) for row in matrix]
        length = sqrt(dot(turned, turned))
        if not length:
            break
        axis = [x / length for x in turned]
    length = sqrt(dot(axis, axis))
    return [x / length for x in axis]


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """The scalar product."""
    return float(sum(map(mul, left, right)))
