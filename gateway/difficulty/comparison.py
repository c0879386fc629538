"""Is one kind of call worth more than the other? An answer that may be looked at after every call. Pure.

The interval is an asymptotic confidence sequence: with probability 1 - alpha it holds the true difference at every
moment at once, so stopping when it no longer holds zero is no mistake (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52, 2024, theorem 2.2 and
section 3.1, https://arxiv.org/abs/2103.06476). Calls are dealt at random with known shares; then the mean of the
weighted differences of section 3.1 is the difference of the two means, and its variance is what stands below.
"""

from __future__ import annotations

from math import log, sqrt
from typing import NamedTuple

EACH_MIN = 30
"""Fewer values on one side say nothing: the sequence is right only where averages are nearly normal."""

SHARPEST_AT = 1000
"""Values after which the interval is as narrow as it can be for its promise; before and after it is a little wider."""


class Interval(NamedTuple):
    """Of a difference."""

    middle: float
    margin: float

    @property
    def low(self) -> float:
        """What it is at least."""
        return self.middle - self.margin

    @property
    def high(self) -> float:
        """What it is at most."""
        return self.middle + self.margin


class Sample:
    """Values seen one by one (Welford's sums). `scale`: two that are so far apart are thought of besides when they are
    asked how much they scatter, so that a few values that happen to be alike do not pass for certainty."""

    __slots__ = ("_scale", "_squares", "count", "mean")

    def __init__(self, scale: float) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0
        self._scale = scale

    def add(self, value: float) -> None:
        """One more."""
        self.count += 1
        before = value - self.mean
        self.mean += before / self.count
        self._squares += before * (value - self.mean)

    @property
    def variance(self) -> float:
        """Of one value."""
        return (self._squares + self._scale**2 / 2) / (self.count + 1)


def difference(one: Sample, other: Sample, alpha: float) -> Interval | None:
    """Of the first's mean over the second's; None while there are too few values to say anything."""
    if min(one.count, other.count) < EACH_MIN:
        return None
    count = one.count + other.count
    variance = count * (one.variance / one.count + other.variance / other.count)
    return Interval(one.mean - other.mean, sqrt(variance) * _margin(count, alpha))


def _margin(count: int, alpha: float) -> float:
    """Of the mean of so many values whose variance is 1: equation 4 of the paper, with the rho of its section 2.3."""
    rho = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / SHARPEST_AT  # Squared.
    return sqrt(2 * (count * rho + 1) * log(sqrt(count * rho + 1) / alpha) / (count**2 * rho))
