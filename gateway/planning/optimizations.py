"""What makes training and inference cheaper, by experience: shares that others report, for orientation.

From real traffic `gateway.planning.savings` computes figures of its own; those count more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction

from gateway.core.money import Money
from gateway.planning.amounts import times


class Effort(IntEnum):
    """How hard it is to do."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


@dataclass(frozen=True, slots=True)
class Technique:
    """One way to train for less."""

    name: str
    saving: Fraction  # Of what is left.
    effort: Effort
    note: str = ""


@dataclass(frozen=True, slots=True)
class Habit:
    """One way to serve for less. Savings in per cent."""

    name: str
    least: int
    most: int
    effort: Effort


@dataclass(frozen=True, slots=True)
class Step:
    """A technique that is taken, and what the training costs after it."""

    technique: Technique
    left: Money


TRAINING = (
    Technique("spot instances", Fraction("0.70"), Effort.LOW, "needs checkpoints"),
    Technique("mixed precision", Fraction("0.50"), Effort.LOW),
    Technique("gradient checkpointing", Fraction("0.30"), Effort.LOW, "10–20 % slower, larger batches"),
    Technique("LoRA/QLoRA", Fraction("0.90"), Effort.MEDIUM, "trains adapters, not all weights"),
    Technique("distillation", Fraction("0.80"), Effort.HIGH, "a smaller model learns from a larger one"),
    Technique("data loading", Fraction("0.15"), Effort.MEDIUM, "GPUs that do not wait"),
)

INFERENCE = (
    Habit("request batching", 30, 50, Effort.LOW),
    Habit("KV cache", 40, 60, Effort.MEDIUM),
    Habit("prompt and response caching", 50, 90, Effort.MEDIUM),
    Habit("INT8/INT4 quantisation", 50, 75, Effort.MEDIUM),
    Habit("speculative decoding", 20, 40, Effort.HIGH),
    Habit("continuous batching", 30, 50, Effort.HIGH),
    Habit("smaller models, by tier", 40, 60, Effort.MEDIUM),
    Habit("flex and batch endpoints", 50, 50, Effort.LOW),
)


def advised(
    current: Money, target: Money, ceiling: Effort, techniques: Iterable[Technique] = TRAINING
) -> Sequence[Step]:
    """Techniques within the ceiling, the largest saving first, each on what is left, until the target is reached."""
    steps: list[Step] = []
    left = current
    for technique in sorted(techniques, key=lambda one: -one.saving):
        if left <= target:
            break
        if technique.effort <= ceiling:
            left = times(left, 1 - technique.saving)
            steps.append(Step(technique, left))
    return steps
