"""Training jobs as they stand where keys stand: every process and every machine that shares them sees the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import msgspec

from gateway.core.errors import Conflict, NotFound, Unavailable
from gateway.directory.actor import Actor
from gateway.directory.audited import Audited
from gateway.stores.registry import Kind, Registry, Write, encoded
from gateway.training.job import Job

TRIES_MAX = 20

P = ParamSpec("P")
R = TypeVar("R")

_job = msgspec.json.Decoder(Job)


class Jobs:
    """One thread asks the registry, so that no call waits for it. Every method may raise Unavailable."""

    def __init__(self, registry: Registry, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._audited = Audited(registry, clock)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="training")

    async def unfinished(self) -> list[Job]:
        """Every job whose books are not closed."""
        return await self._run(self._all, Kind.JOBS)

    async def all(self) -> list[Job]:
        """Every job that there ever was."""
        found = await self.unfinished() + await self._run(self._all, Kind.ENDED_JOBS)
        return list({job.id: job for job in found}.values())

    async def find(self, name: str) -> Job:
        """One job. Raises NotFound."""
        return await self._run(self._find, name)

    async def add(self, job: Job, actor: Actor) -> None:
        """A new one, with a line in the audit log."""
        await self._run(self._add, job, actor)

    async def change(self, name: str, step: Callable[[Job], Job], *, actor: Actor | None = None, verb: str = "") -> Job:
        """Make `step` of what is there now. `actor`: whose doing stands in the audit log. Raises NotFound, Conflict
        where the books are closed, and what the step does."""
        return await self._run(self._change, name, step, actor, verb)

    async def finish(self, name: str) -> None:
        """Its books are closed: nobody looks after it any more."""
        await self._run(self._finish, name)

    def close(self) -> None:
        """Wait for what is under way, and let go."""
        self._thread.shutdown(wait=True)
        self._registry.close()

    def _all(self, kind: Kind) -> list[Job]:
        return [_job.decode(record) for record in self._registry.all(kind).values()]

    def _find(self, name: str) -> Job:
        for kind in (Kind.JOBS, Kind.ENDED_JOBS, Kind.JOBS):  # It may move from one to the other meanwhile.
            record = self._registry.find(kind, name)
            if record is not None:
                return _job.decode(record)
        raise NotFound(f"There is no training job {name!r}.")

    def _add(self, job: Job, actor: Actor) -> None:
        self._audited.change(actor, "start", Kind.JOBS, job.id, decode=_job.decode, step=lambda _: job)

    def _change(self, name: str, step: Callable[[Job], Job], actor: Actor | None, verb: str) -> Job:
        def stepped(old: Job | None) -> Job:
            if old is not None:
                return step(old)
            step(self._find(name))  # Which says best what is wrong.
            raise Conflict("This job is over.")

        if actor is not None:
            changed = self._audited.change(actor, verb, Kind.JOBS, name, decode=_job.decode, step=stepped)
            assert changed is not None, "a step makes a job of a job"
            return changed
        for _ in range(TRIES_MAX):
            record = self._registry.find(Kind.JOBS, name)
            new = stepped(_job.decode(record) if record is not None else None)
            if self._registry.write([Write(Kind.JOBS, name, record, encoded(new))], ()):
                return new
        raise Unavailable("Others change the same all the time. Try again.")

    def _finish(self, name: str) -> None:
        record = self._registry.find(Kind.JOBS, name)
        if record is not None:
            moves = [Write(Kind.JOBS, name, record, None), Write(Kind.ENDED_JOBS, name, None, record)]
            self._registry.write(moves, ())  # If it has just changed, the next look will do.

    async def _run(self, function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        assert not named, "positions are enough"
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
