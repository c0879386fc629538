"""What can be asked about training jobs: starting one, telling of it, ending it, and who may."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from functools import partial

from gateway.core.caller import Role
from gateway.core.errors import BadRequest, Conflict, Forbidden, NotFound
from gateway.core.money import Money
from gateway.directory.actor import Actor
from gateway.training.job import MS_PER_HOUR, Job, Progress, State, approved, begun, ended, heard, stopped
from gateway.training.kept import Jobs
from gateway.training.metering import Metering

HOUR_CREDIBLE_MAX, JOB_CREDIBLE_MAX = Money.usd(1_000_000), Money.usd(1_000_000_000)
BEATS = 4
"""Heartbeats in an interval: so there is time to stop before it is over."""


def new_id() -> str:
    """Of a job; limits, the ledger and the audit log know it by that."""
    return f"job_{secrets.token_hex(8)}"


@dataclass(frozen=True)
class Desk:
    """See the module. Every method may raise Unavailable, and NotFound for a job that is not there or not to be
    seen."""

    jobs: Jobs
    metering: Metering
    approve_above: Money | None
    interval_ms: int
    _beginning: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def heartbeat_ms(self) -> int:
        """How often a job is to be heard of."""
        return min(self.interval_ms, self.metering.silent_ms) // BEATS

    async def start(self, actor: Actor, job: Job) -> Job:
        """A new job, which runs from now on unless it waits for a yes. Raises LimitReached where a limit has no room
        for its first interval, and BadRequest where its own budget has none."""
        if job.lasting(MS_PER_HOUR) > HOUR_CREDIBLE_MAX or (job.most is not None and job.most > JOB_CREDIBLE_MAX):
            raise BadRequest(f"More than {HOUR_CREDIBLE_MAX} an hour, or {JOB_CREDIBLE_MAX} in all, is a slip.")
        first = job.lasting(job.interval_ms)
        if job.budget is not None and job.budget < first.nanos_up:
            raise BadRequest(f"An interval of this job costs {first}: its budget is less.", "$.budget_usd")
        if self._needs_a_yes(job):
            await self.jobs.add(job, actor)
            return job
        job = await self.metering.begin(job)
        try:
            await self.jobs.add(job, actor)
        except BaseException:
            self.metering.give_up(job)
            raise
        return await self.metering.look(job)

    def _needs_a_yes(self, job: Job) -> bool:
        return self.approve_above is not None and (job.most is None or job.most > self.approve_above)

    async def seen(self, actor: Actor) -> list[Job]:
        """All jobs that this actor may see, the newest first."""
        found = [job for job in await self.jobs.all() if _sees(actor, job)]
        return sorted(found, key=lambda job: (-job.made, job.id))

    async def find(self, actor: Actor, name: str) -> Job:
        """One job."""
        job = await self.jobs.find(name)
        if not _sees(actor, job):
            raise NotFound(f"There is no training job {name!r}.")
        return job

    async def heartbeat(self, actor: Actor, name: str, progress: Progress) -> Job:
        """It runs; one that was approved runs from now on. What it says of stopping is to be heeded. Raises Conflict
        where it does not run, and LimitReached where it cannot begin."""
        job = await self._own(actor, name)
        if job.state is State.APPROVED:
            await self._begin(name)
        job = await self.jobs.change(name, partial(heard, now=self.metering.now, progress=progress))
        return await self.metering.look(job)

    async def _begin(self, name: str) -> None:
        async with self._beginning:  # All ranks of a job may be heard of at once: the first one's heartbeat begins it.
            job = await self.jobs.find(name)
            if job.state is not State.APPROVED:
                return
            running = await self.metering.begin(job)

            def first(there: Job) -> Job:
                if there.state is not State.APPROVED:
                    raise Conflict(f"This job has begun elsewhere, or is over: it is {there.state}.")
                return begun(there, running.began, running.replica)

            try:
                await self.jobs.change(name, first)
            except BaseException:
                self.metering.give_up(running)
                raise

    async def end(self, actor: Actor, name: str, state: State, progress: Progress) -> Job:
        """It is over, done or failed. Raises Conflict where it did not run."""
        await self._own(actor, name)
        step = partial(ended, now=self.metering.now, state=state, progress=progress)
        return await self.metering.look(await self.jobs.change(name, step, actor=actor, verb="end"))

    async def stop(self, actor: Actor, name: str, reason: str) -> Job:
        """It hears with its next heartbeat that it is to stop. Raises Conflict where it is over."""
        await self._own(actor, name)
        step = partial(stopped, reason=reason)
        return await self.metering.look(await self.jobs.change(name, step, actor=actor, verb="stop"))

    async def approve(self, actor: Actor, name: str) -> Job:
        """It may begin. Raises Conflict where it does not wait for that."""
        return await self.jobs.change(name, approved, actor=actor, verb="approve")

    async def _own(self, actor: Actor, name: str) -> Job:
        job = await self.find(actor, name)
        if actor.role is Role.VIEWER:
            raise Forbidden("A viewer changes nothing.")
        return job


def _sees(actor: Actor, job: Job) -> bool:
    if actor.role is Role.CALLER:
        return job.caller.key_id == actor.id
    return not actor.bound or (bool(actor.team) and job.caller.team == actor.team)
