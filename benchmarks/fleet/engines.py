"""The machines of the fleet benchmark: the simulated engine, with the speeds of a measured one.

NVIDIA publishes how long one Llama 3.3 70B takes in fp8 on two H100 (NIM 1.8.0, 5000 tokens in and 500 out,
https://docs.nvidia.com/nim/benchmarking/llm/1.0.0/performance). A step of 18.5 ms, and 75 µs for each token that it
computes, read or written alike, give all of it: within 2 % between tokens, and 4 % for the first (a test). At 100 calls
at once their engine is full with 91: 475,000 tokens of KV cache.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, inf

from gateway.fleet.backend import Load
from gateway.simulator.engine import Engine, EngineSettings, Job, Speeds, Step

PAIR_OF_H100 = EngineSettings(
    max_num_seqs=256,
    max_num_batched_tokens=8192,
    num_gpu_blocks=475_000 // 16,
    enable_prefix_caching=False,  # The trace has no prompts.
    speeds=Speeds(step_s=0.0185, token_s=75e-6, context_s=0.0),
)

PUBLISHED = {1: 18.58, 5: 21.83, 25: 38.75, 50: 59.73, 91: 92.9}
"""Milliseconds between two tokens, by calls at a time, each of which has ten tokens of the others read to it."""


def alone_s(tokens: int, engine: EngineSettings) -> float:
    """How long an empty engine takes to the first token of an answer."""
    steps = ceil(tokens / engine.max_num_batched_tokens)
    return steps * engine.speeds.step_s + tokens * engine.speeds.token_s


class Machine:
    """One engine as time passes: `began` and `ended` hear of each call in the order of time."""

    def __init__(
        self, settings: EngineSettings, began: Callable[[Job], None], ended: Callable[[Job], None] = lambda _: None
    ) -> None:
        self._engine = Engine(settings)
        self._step: Step | None = None
        self._began, self._ended = began, ended

    def run_to(self, now: float) -> None:
        """All steps that end by then."""
        while self._step is not None and self._step.ends <= now:
            step = self._step
            for job in step.made:
                if job.made == 1:
                    self._began(job)
            for job in step.ended:
                self._ended(job)
            self._step = self._engine.step(step.ends)

    def take(self, job: Job, now: float) -> None:
        """A call comes."""
        self._engine.add(job, now)
        if self._step is None:
            self._step = self._engine.step(now)

    def finish(self) -> None:
        """Until nothing is left to do."""
        self.run_to(inf)

    def load(self, now: float) -> Load:
        """What its metrics say."""
        engine = self._engine
        return Load(now, len(engine.running), len(engine.waiting), engine.cache.usage)
