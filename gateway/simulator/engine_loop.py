"""The simulated engine in real time: steps that take as long as they say, and callers that hear of each token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from gateway.simulator.engine import Engine, Job, Step
from gateway.simulator.engine_metrics import EngineMetrics

_BEHIND_S_MAX = 0.5  # Real seconds that are caught up with; a machine that slept longer goes on from now.
_BREATH_EVERY = 8  # Steps between two chances for others, where steps take no time.


class EngineDead(Exception):
    """The engine is out of order, and stays so until it is mended."""


class EngineLoop:
    """Drives an engine, at `speed` times the speed of the world."""

    def __init__(self, engine: Engine, metrics: EngineMetrics, speed: float = 1.0) -> None:
        self.engine = engine
        self.metrics = metrics
        self.stalled = False  # A fault: it takes no step, and says nothing.
        self.dead = ""  # Another: why it has given up.
        self._speed = speed
        self._told: dict[Job, tuple[int, asyncio.Queue[tuple[int, int]]]] = {}  # Its place in its call, and who waits.
        self._last: dict[Job, float] = {}  # When it made its last token.
        self._work = asyncio.Event()
        self._ends: float | None = None  # Of the step that runs.

    async def run(self) -> None:
        """Until it is cancelled."""
        steps, at = 0, self._now()
        while True:
            step = None if self.stalled else self.engine.step(at)
            if step is None:
                self._ends = None
                self._work.clear()
                await self._work.wait()
                at = self._now()
                continue
            self._ends = step.ends
            steps += 1
            if (left := (step.ends - self._now()) / self._speed) > 0:
                await asyncio.sleep(left)
            elif steps % _BREATH_EVERY == 0:
                await asyncio.sleep(0)
            self._tell(step)
            at = max(step.ends, self._now() - _BEHIND_S_MAX * self._speed)

    def wake(self) -> None:
        """There is something to do."""
        self._work.set()

    def mend(self) -> None:
        """All faults are over."""
        self.dead, self.stalled, self.engine.slowdown = "", False, 1.0
        self.wake()

    def die(self, why: str) -> None:
        """Give up, as vLLM does when the GPU is out of memory: all calls fail, now and from now on."""
        self.dead = why
        for place, tell in self._told.values():
            tell.put_nowait((place, 0))

    @asynccontextmanager
    async def tokens(self, jobs: Sequence[Job]) -> AsyncIterator[AsyncIterator[tuple[int, int]]]:
        """Ask for the sequences of a call. Gives the place of each that has more tokens, and how many, until the last.

        Leaving early gives them up. Raises EngineDead.
        """
        if self.dead:
            raise EngineDead(self.dead)
        made: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        for place, job in enumerate(jobs):
            self.engine.add(job, self._moment())
            self._told[job] = (place, made)
        self.wake()
        try:
            async with aclosing(self._made(jobs, made)) as told:
                yield told
        finally:
            for job in jobs:
                self._forget(job)

    async def _made(
        self, jobs: Sequence[Job], made: asyncio.Queue[tuple[int, int]]
    ) -> AsyncGenerator[tuple[int, int], None]:
        left = sum(job.output_tokens for job in jobs)
        while left:
            told = await made.get()
            if self.dead:
                raise EngineDead(self.dead)
            left -= 1
            yield told

    def _forget(self, job: Job) -> None:
        self.engine.abort(job, self._moment())
        del self._told[job]
        self._last.pop(job, None)
        if job.made < job.output_tokens:
            self.metrics.ended(job, "error" if self.dead else "abort")
        else:
            self.metrics.ended(job, "length" if job.capped else "stop")

    def _tell(self, step: Step) -> None:
        self.metrics.stepped(step, self._last)
        for job in step.made:
            if job in self._told:
                place, made = self._told[job]
                self._last[job] = step.ends
                made.put_nowait((place, job.made))

    def _now(self) -> float:
        return time.monotonic() * self._speed

    def _moment(self) -> float:
        """Now, for those who come amid a step: not after its end."""
        return self._now() if self._ends is None else min(self._now(), self._ends)
