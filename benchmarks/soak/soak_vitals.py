"""What processes need while they run: memory, descriptors and tasks, and whether that grows."""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from resident import resident
from road import metric
from soak_stage import Stage

EVERY_S = 5.0
BLOCKS = 10
"""Of a series, each of which counts as one point: neighbours in time are no independent samples."""

T95 = 2.31
"""Of Student's distribution, two-sided, with BLOCKS - 2 degrees of freedom."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one process, at one moment."""

    at: float  # Seconds.
    rss_mib: float
    descriptors: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Slope:
    """By how much it grows in an hour, give or take (95 %)."""

    an_hour: float
    error: float

    def __str__(self) -> str:
        return f"{self.an_hour:+.1f} ± {self.error:.1f}"


@dataclass
class Vitals:
    """By gateway and process id."""

    lives: dict[tuple[int, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))

    async def watch(self, stage: Stage) -> None:
        """For ever. A gateway that is away just now is left out."""
        while True:
            for number in sorted(stage.open):
                process = stage.gates[number].gate.process
                try:
                    self.lives[number, process.pid].append(await asyncio.to_thread(sample, stage, number))
                except OSError:
                    continue
            await asyncio.sleep(EVERY_S)

    def of(self, number: int) -> list[Sample]:
        """Of the longest life of a gateway."""
        return max((life for (one, _), life in self.lives.items() if one == number), key=len, default=[])


def sample(stage: Stage, number: int) -> Sample:
    """Of one gateway, now. Raises OSError where it does not run or answer."""
    gate = stage.gates[number]
    pid = gate.gate.process.pid
    descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Sample(
        time.monotonic(), resident(pid) / (1 << 20), descriptors, int(metric(gate.metrics(), "fareway_tasks"))
    )


def slope(samples: list[Sample], name: str) -> Slope:
    """The straight line through the means of the series' blocks; infinitely unsure where there are too few samples."""
    size = len(samples) // BLOCKS
    if size == 0:
        return Slope(0.0, math.inf)
    parts = [samples[place * size : (place + 1) * size] for place in range(BLOCKS)]
    points = [(_mean([one.at for one in part]), _mean([getattr(one, name) for one in part])) for part in parts]
    middle_x, middle_y = _mean([x for x, _ in points]), _mean([y for _, y in points])
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    steep = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    left = sum((y - middle_y - steep * (x - middle_x)) ** 2 for x, y in points)
    error = T95 * math.sqrt(left / (BLOCKS - 2) / spread)
    return Slope(steep * 3600, error * 3600)


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)
