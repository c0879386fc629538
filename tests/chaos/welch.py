"""Whether time tells two kinds of calls apart: both in random order, what is slowest left out, Welch's t.

After O. Reparaz, J. Balasch and I. Verbauwhede, "Dude, is my code constant time?", 2017 (https://eprint.iacr.org/2016/1123).
"""

from __future__ import annotations

import gc
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

T_MAX = 4.5
"""Above this, times differ: by chance alone once in 150,000 times."""

CUTS = (0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
"""Shares of the samples that are looked at, quickest first: a neighbour's load is in the slowest."""


def times(
    measured: Callable[[Any], object], sample: Callable[[int], Any], samples: int, dice: random.Random
) -> list[list[int]]:
    """Nanoseconds of so many calls in all, of two kinds. `sample` makes one of kind 0 or 1: another for each call, for
    where in memory a thing lies has a time of its own, which would pass for that of its kind."""
    order = [dice.randrange(2) for _ in range(samples)]
    inputs = [sample(kind) for kind in order]
    found: list[list[int]] = [[], []]
    clock = time.perf_counter_ns
    for warm in inputs[: samples // 20]:
        measured(warm)
    gc.disable()
    try:
        for kind, given in zip(order, inputs, strict=True):
            begun = clock()
            measured(given)
            found[kind].append(clock() - begun)
    finally:
        gc.enable()
    return found


def t_of(one: Sequence[float], other: Sequence[float]) -> float:
    """Welch's t for two samples with variances of their own; 0 where nothing varies."""
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(spread) if spread else 0.0


def worst_t(found: Sequence[Sequence[int]]) -> float:
    """The largest by amount of all cuts, which are made at the same time for both kinds."""
    together = sorted(taken for kind in found for taken in kind)
    worst = 0.0
    for cut in CUTS:
        slowest = together[min(len(together) - 1, int(cut * len(together)))]
        kept = [[taken for taken in kind if taken <= slowest] for kind in found]
        if min(map(len, kept)) > 1:
            worst = max(worst, abs(t_of(*kept)))
    return worst
