"""One training job: what is known of it, and what it has cost by then. Pure; moments are Unix milliseconds.

A job is cut into intervals of one length. What it costs until a moment is price x GPUs x time, rounded up to a whole
pico-dollar; what one interval costs is the difference between its ends: so however a job is cut, its parts add up to
the whole.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.errors import Conflict
from gateway.core.money import ZERO, Money

MS_PER_HOUR = 3_600_000
FLOPS_PER_PARAMETER_TOKEN = 6
"""Kaplan et al. 2020, https://arxiv.org/abs/2001.08361."""


class State(StrEnum):
    """How far it is."""

    WAITING = "waiting for approval"
    APPROVED = "approved"  # It begins with its first heartbeat.
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SILENT = "silent"  # Its heartbeats stopped: closed at the last one.
    REJECTED = "rejected"  # It was never approved.


ENDED = frozenset({State.DONE, State.FAILED, State.SILENT, State.REJECTED})


class Progress(Struct, frozen=True, omit_defaults=True):
    """How much is trained, since the job began."""

    steps: int = 0
    tokens: int = 0
    flops: float = 0.0  # Beyond what 64 bits count.

    def beyond(self, other: Progress) -> Progress:
        """The same, and never less than was told before."""
        return Progress(max(self.steps, other.steps), max(self.tokens, other.tokens), max(self.flops, other.flops))


class Job(Struct, frozen=True, omit_defaults=True):
    """See the module."""

    id: str
    model: str
    job_type: str
    gpu_type: str
    gpus: int
    rate: int  # Pico-dollars for an hour of one GPU,
    rate_from: str  # and where that is from, in words.
    interval_ms: int
    caller: Caller
    made: int
    state: State
    name: str = ""  # For people.
    params: int = 0  # Of the model, where it is told.
    tflops: str = ""  # Of one GPU, as a decimal; empty where nobody knows.
    budget: int | None = None  # Nano-dollars.
    planned: int | None = None  # Nano-dollars, by the hours that were planned.
    began: int = 0
    seen: int = 0  # The last heartbeat.
    ended: int = 0
    replica: str = ""  # Which meters it.
    stop: str = ""  # Why it is to stop; empty: it is not.
    progress: Progress = Progress()

    @property
    def over(self) -> bool:
        """Whether nothing of it changes any more."""
        return self.state in ENDED

    @property
    def last(self) -> int:
        """Until when it is known to have run."""
        return self.ended if self.over else self.seen

    def lasting(self, ms: int) -> Money:
        """What so long costs from its beginning on."""
        return Money(-(-self.rate * self.gpus * ms // MS_PER_HOUR))

    def owed(self, until: int) -> Money:
        """What it has cost by then."""
        return self.lasting(max(0, until - self.began)) if self.began else ZERO

    def edge(self, number: int) -> int:
        """When an interval begins, from 0; the one before ends then."""
        return self.began + number * self.interval_ms

    def number_at(self, moment: int) -> int:
        """Of the interval that this moment is in."""
        return max(0, moment - self.began) // self.interval_ms

    def cost_of(self, number: int, until: int | None = None) -> Money:
        """What an interval costs: whole, or up to a moment in or before it."""
        begins, ends = self.edge(number), self.edge(number + 1)
        ends = ends if until is None else min(ends, max(begins, until))
        return self.owed(ends) - self.owed(begins)

    @property
    def most(self) -> Money | None:
        """What it is planned to cost at most; None where nobody has said."""
        said = self.budget if self.budget is not None else self.planned
        return None if said is None else Money.of_nanos(said)

    @property
    def cost(self) -> Money:
        """What it has cost, as far as it is known to have run."""
        return self.owed(self.last)

    @property
    def gpu_hours(self) -> Fraction:
        """For as long as it is known to have run."""
        return Fraction(max(0, self.last - self.began) * self.gpus, MS_PER_HOUR) if self.began else Fraction(0)

    @property
    def mfu(self) -> Fraction | None:
        """Model FLOPs utilisation: what was computed for the model, of what the GPUs could compute. None where it is
        not known what they can, or what was computed."""
        flops = self.progress.flops or FLOPS_PER_PARAMETER_TOKEN * self.params * self.progress.tokens
        if not (flops and self.tflops and self.gpu_hours):
            return None
        return Fraction(flops) / (Fraction(self.tflops) * 10**12 * self.gpu_hours * 3600)


def begun(job: Job, now: int, replica: str) -> Job:
    """It runs from now on, and this replica meters it."""
    return replace(job, state=State.RUNNING, began=now, seen=now, replica=replica)


def heard(job: Job, now: int, progress: Progress) -> Job:
    """A heartbeat. Raises Conflict where it does not run."""
    if job.state is not State.RUNNING:
        raise Conflict(f"This job does not run: it is {job.state}.")
    return replace(job, seen=max(job.seen, now), progress=progress.beyond(job.progress))


def approved(job: Job) -> Job:
    """An admin says yes. Raises Conflict."""
    if job.state is not State.WAITING:
        raise Conflict(f"This job does not wait for approval: it is {job.state}.")
    return replace(job, state=State.APPROVED)


def stopped(job: Job, reason: str) -> Job:
    """It is to stop, and hears so with its next heartbeat; one that never ran is over at once. Raises Conflict."""
    if job.over:
        raise Conflict(f"This job is over: it is {job.state}.")
    if job.state is not State.RUNNING:
        return replace(job, state=State.REJECTED, stop=reason)
    return job if job.stop else replace(job, stop=reason)


def ended(job: Job, now: int, state: State, progress: Progress) -> Job:
    """It says that it is over. Raises Conflict where it did not run."""
    if job.over:
        raise Conflict(f"This job is over: it is {job.state}.")
    if job.state is not State.RUNNING:
        raise Conflict(f"This job has not begun: it is {job.state}.")
    at = max(job.seen, now)
    return replace(job, state=state, seen=at, ended=at, progress=progress.beyond(job.progress))


def silenced(job: Job) -> Job:
    """Nobody has heard of it for too long: over at its last heartbeat."""
    return replace(job, state=State.SILENT, ended=job.seen) if job.state is State.RUNNING else job
