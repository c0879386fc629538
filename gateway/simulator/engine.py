"""A simulated inference engine without sockets or clocks: continuous batching over a KV cache in blocks, as in vLLM.

One step after the other: all that run get a token each, prompts are read in chunks within the step's budget of tokens,
and whoever waits is taken in when there is room. When the cache is full, the last that came in goes back to the
queue and is computed anew. Time is an argument, in seconds; the caller makes it pass.
Source: https://docs.vllm.ai/en/stable/configuration/optimization/.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from gateway.simulator.engine_cache import KvCache


@dataclass(frozen=True, slots=True)
class Speeds:
    """How long a step takes: `step_s`, and `token_s` for each token computed, and `context_s` for each of context.

    The defaults are an 8B model in bf16 on one H100: 16 GB of weights and 128 KiB of cache a token, read at 3.35 TB/s,
    and 16 GFLOP a token at half of 989 TFLOPS, rounded up (https://www.nvidia.com/en-us/data-center/h100/).
    """

    step_s: float = 0.006
    token_s: float = 33e-6
    context_s: float = 40e-9


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Sizes by vLLM's names. Raises ValueError for what cannot run.

    25,000 blocks are what remains of 80 GB beside the weights of an 8B model.
    """

    max_num_seqs: int = 256
    max_num_batched_tokens: int = 2048
    max_model_len: int = 32_768
    block_size: int = 16
    num_gpu_blocks: int = 25_000
    enable_prefix_caching: bool = True
    speeds: Speeds = Speeds()

    def __post_init__(self) -> None:
        if min(self.max_num_seqs, self.max_num_batched_tokens, self.block_size, self.speeds.step_s) <= 0:
            raise ValueError("sizes and times of an engine are more than zero")
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise ValueError("max_num_batched_tokens cannot be less than max_num_seqs: all that run get a token a step")
        if self.num_gpu_blocks * self.block_size < self.max_model_len:
            raise ValueError(f"{self.num_gpu_blocks} blocks do not hold max_model_len ({self.max_model_len}) tokens")


@dataclass(slots=True, eq=False)
class Job:
    """One sequence: what is asked, and how far it is. `names` name the full blocks of its prompt and of its answer."""

    id: str
    prompt_tokens: int
    output_tokens: int  # That it will make.
    names: Sequence[Hashable] = ()
    capped: bool = False  # It ends because it may not make more.
    arrived: float = 0.0
    began: float | None = None  # When it was first taken in.
    first_token: float | None = None
    ended: float | None = None
    made: int = 0  # Tokens of output so far.
    computed: int = 0  # Tokens that are in the cache, for this run of it.
    cached: int = 0  # Tokens of the prompt that were found there when it was first taken in.
    preempted: int = 0  # How often it had to begin again.
    shared: int = 0  # Its blocks that have a name: the first so many of `names`.
    own: int = 0  # Its blocks that have none.

    @property
    def tokens(self) -> int:
        """All that it has."""
        return self.prompt_tokens + self.made


@dataclass(frozen=True, slots=True)
class Step:
    """What one step does, and when it is done. Whoever has made a token then knows it by `Job.made`."""

    ends: float
    tokens: int  # That it computes.
    made: tuple[Job, ...]  # Have one token more at its end.
    ended: tuple[Job, ...]  # And this was their last.


@dataclass(slots=True)
class Totals:
    """Counters since the start, in tokens but for the last."""

    prompt: int = 0  # Of prompts that were read to their end, found ones included.
    prompt_cached: int = 0
    generated: int = 0
    queries: int = 0  # Tokens that were looked for in the prefix cache,
    hits: int = 0  # and found.
    preemptions: int = 0


class Engine:
    """One model on one machine."""

    def __init__(self, settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self.cache = KvCache(self.settings.num_gpu_blocks)
        self.running: list[Job] = []
        self.waiting: deque[Job] = deque()
        self.totals = Totals()
        self.slowdown = 1.0  # A fault: steps take so many times as long.

    def add(self, job: Job, now: float) -> None:
        """Let it wait for its turn. Raises ValueError for what can never run."""
        if job.prompt_tokens < 1 or job.output_tokens < 1:
            raise ValueError("a sequence has a prompt, and makes a token")
        if job.prompt_tokens + job.output_tokens > self.settings.max_model_len:
            raise ValueError(f"a sequence has at most {self.settings.max_model_len} tokens")
        job.arrived = now
        self.waiting.append(job)

    def abort(self, job: Job, now: float) -> None:
        """Its caller has left. What it holds is free at once; one that has ended stays as it is."""
        if job in self.running:
            self.running.remove(job)
            self._release(job)
        elif job in self.waiting:
            self.waiting.remove(job)
        else:
            return
        job.ended = now

    def step(self, now: float) -> Step | None:
        """Begin a step; None if there is nothing to do. The next one begins when it ends."""
        tokens, context, made = 0, 0, []
        for job, new in self._scheduled(now):
            tokens += new
            job.computed += new
            context += job.computed
            self._name(job)
            if job.computed == job.tokens:
                made.append(job)
        if not tokens:
            return None
        speeds = self.settings.speeds
        took = speeds.step_s + speeds.token_s * tokens + speeds.context_s * context
        ends = now + took * self.slowdown
        return Step(ends, tokens, tuple(made), self._made(made, ends))

    def _scheduled(self, now: float) -> list[tuple[Job, int]]:
        """Who computes how many tokens in this step: those that run, then those that wait."""
        budget, plan, preempted = self.settings.max_num_batched_tokens, [], False
        place = 0
        while place < len(self.running):
            job = self.running[place]
            new = min(budget, job.tokens - job.computed)
            while job.own + job.shared < self._blocks(job, new) and not self._grown(job, new):
                preempted = True
                if self._preempt() is job:
                    break
            if place < len(self.running) and new:
                plan.append((job, new))
                budget -= new
            place += 1
        while not preempted and self.waiting and budget and len(self.running) < self.settings.max_num_seqs:
            if (new := self._admitted(self.waiting[0], budget, now)) == 0:
                break
            plan.append((self.waiting[0], new))
            budget -= new
            self.running.append(self.waiting.popleft())
        return plan

    def _admitted(self, job: Job, budget: int, now: float) -> int:
        """Take it in with what is known of it: how many tokens it computes now. 0: there is no room for it."""
        # One token at least is computed: its result is what the first token of the answer is drawn from.
        most = (job.tokens - 1) // self.settings.block_size
        names = job.names[: self.cache.known(job.names[:most])] if self.settings.enable_prefix_caching else ()
        found = len(names) * self.settings.block_size
        new = min(budget, job.tokens - found)
        job.computed = found
        blocks = self._blocks(job, new) - len(names)
        if not self.cache.fits(names, blocks):
            job.computed = 0
            return 0
        self.cache.use(names)
        self.cache.take(blocks)
        job.shared, job.own = len(names), blocks
        if job.began is None:
            job.began, job.cached = now, found
            if self.settings.enable_prefix_caching:
                self.totals.queries += job.prompt_tokens
                self.totals.hits += found
        return new

    def _blocks(self, job: Job, new: int) -> int:
        return -(-(job.computed + new) // self.settings.block_size)

    def _grown(self, job: Job, new: int) -> bool:
        blocks = self._blocks(job, new) - job.shared - job.own
        if not self.cache.fits((), blocks):
            return False
        self.cache.take(blocks)
        job.own += blocks
        return True

    def _preempt(self) -> Job:
        """Send the last that came in back to the head of the queue."""
        job = self.running.pop()
        self._release(job)
        job.computed = 0
        job.preempted += 1
        self.totals.preemptions += 1
        self.waiting.appendleft(job)
        return job

    def _name(self, job: Job) -> None:
        """Others may find what is full by now."""
        if self.settings.enable_prefix_caching:
            full = min(job.computed // self.settings.block_size, len(job.names))
            for name in job.names[job.shared : full]:
                self.cache.name(name)
            job.own -= full - job.shared
            job.shared = full

    def _made(self, made: list[Job], ends: float) -> tuple[Job, ...]:
        """Count a token for each; those that have ended leave."""
        ended = []
        for job in made:
            job.made += 1
            if job.first_token is None:
                job.first_token = ends
                self.totals.prompt += job.prompt_tokens
                self.totals.prompt_cached += job.cached
            if job.made == job.output_tokens:
                job.ended = ends
                ended.append(job)
                self._release(job)
        if ended:
            self.running = [job for job in self.running if job.ended is None]
        self.totals.generated += len(made)
        return tuple(ended)

    def _release(self, job: Job) -> None:
        self.cache.release(job.names[: job.shared], job.own)
        job.shared = job.own = 0
