"""Metering training jobs: each interval is held ahead on every limit of whoever pays, and booked once it is over.

    held ─▶ heard of to its end ─▶ booked at what it cost      the interval that runs, and the one after it, are held
      └───▶ the job was over before ─▶ given back

A job is metered by one replica, the one where it began; after a restart as before. What a killed process had held is
booked in full by its journal, as for calls, and corrected once the job is over: entries have ids that follow from the
job and the interval, so booking one twice changes nothing. Where the next interval cannot be held the job is told to
stop, while the one that runs is still paid for; what it uses beyond is booked all the same: it has been spent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from msgspec.structs import replace

from gateway.core.entry import TRAINING, Entry, Outcome
from gateway.core.errors import GatewayError, LimitReached, Unavailable
from gateway.core.limit import Fare
from gateway.core.money import Money
from gateway.core.node import Place
from gateway.core.price import Cost, CostStatus
from gateway.ledger.correction import NOTHING_USED, corrected
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.limits.chain import Limits
from gateway.limits.holds import Hold
from gateway.training.job import Job, State, begun, silenced, stopped
from gateway.training.kept import Jobs

LOOK_S = 1.0

log = logging.getLogger("fareway.training")


@dataclass(slots=True)
class Meter:
    """What this process has open of one job."""

    held: dict[int, tuple[Hold, Entry]] = field(default_factory=dict)  # By number of the interval.
    unsure: dict[int, Entry] = field(default_factory=dict)  # Booked in full, whether it was used or not.
    next: int = 0  # The first interval that nothing is known of.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Metering:
    """See the module. `ours`: whether a replica's jobs are for this process to meter. `book` writes an entry down, and
    `correct` what changes an earlier one, on accounts too. `told`: hears of both."""

    limits: Limits
    journal: Journal
    mover: Mover
    jobs: Jobs
    clock: Callable[[], float]
    replica: str
    silent_ms: int
    since: int  # When this process began: before that it heard of nobody. In milliseconds of Unix time.
    ours: Callable[[str], bool]
    book: Callable[[Entry], None]
    correct: Callable[[Entry], None]
    told: Callable[[Job, Entry], None]
    _meters: dict[str, Meter] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """In milliseconds of Unix time."""
        return int(self.clock() * 1000)

    @property
    def held_count(self) -> int:
        """Intervals that are held."""
        return sum(len(meter.held) for meter in self._meters.values())

    async def begin(self, job: Job) -> Job:
        """It runs from now on: its first interval is held. Raises LimitReached or Unavailable, and then nothing is."""
        job, meter = begun(job, self.now, self.replica), Meter()
        await self._hold(job, meter, 0)
        self._meters[job.id] = meter
        return job

    def give_up(self, job: Job) -> None:
        """It did not begin after all."""
        meter = self._meters.pop(job.id)
        for number in list(meter.held):
            self._void(meter, number)

    async def run(self) -> None:
        """Look after the jobs that are ours, for ever."""
        silent = False
        while True:
            try:
                for job in await self.jobs.unfinished():
                    await self.look(job)
                silent = False
            except Unavailable as error:
                if not silent:
                    log.warning("training jobs are not looked after now: %s", error)
                silent = True
            await asyncio.sleep(LOOK_S)

    async def look(self, job: Job) -> Job:
        """Book what is over, hold what comes next, and close the books of a job that is over. What goes wrong with one
        keeps no other waiting, and is tried again."""
        try:
            return await self._look(job)
        except GatewayError as error:
            log.warning("training job %s cannot be metered now: %s", job.id, error)
            return job

    async def _look(self, job: Job) -> Job:
        if not job.began and job.over:
            await self.jobs.finish(job.id)
        if not job.began or not self.ours(job.replica):
            return job
        meter = self._meters.get(job.id)
        if meter is None:  # Of two who look at the same time, the first one's counts.
            meter = self._meters.setdefault(job.id, await self._resumed(job))
        async with meter.turn:
            job = await self.jobs.find(job.id)
            if job.state is State.RUNNING and self.now - max(job.seen, self.since) > self.silent_ms:
                job = await self.jobs.change(job.id, silenced)
            return await (self._close(job, meter) if job.over else self._go_on(job, meter))

    async def close(self) -> None:
        """This process ends: what is held is booked in full, and corrected after its next start where it must be."""
        for name, meter in self._meters.items():
            with suppress(GatewayError):  # Else its journal does the same.
                job = await self.jobs.find(name)
                for number in sorted(meter.held):
                    self._book(job, meter, number, job.cost_of(number), CostStatus.UNCERTAIN)

    async def _resumed(self, job: Job) -> Meter:
        """What the books say of a job that an earlier process has metered."""
        found = await self.mover.find(job.id)
        corrected_already = {entry.adjusts for entry in found}
        numbers = {int(entry.id.rpartition(".")[2]): entry for entry in found if not entry.adjusts}
        unsure = {
            number: entry
            for number, entry in numbers.items()
            if entry.cost.status is CostStatus.UNCERTAIN and entry.id not in corrected_already
        }
        return Meter(unsure=unsure, next=max(numbers, default=-1) + 1)

    async def _go_on(self, job: Job, meter: Meter) -> Job:
        running = job.number_at(job.seen)
        for number in range(meter.next, running + 2):
            why = self._beyond_budget(job, number) or job.stop
            if not why:
                why = await self._held(job, meter, number)
            if why and number <= running:  # It is being used, and paid for, all the same.
                await self._hold(job, meter, number, anyway=True)
            if why and not job.stop:
                job = await self.jobs.change(job.id, partial(stopped, reason=why))
        for number in [one for one in sorted(meter.held) if job.edge(one + 1) <= job.seen]:
            self._book(job, meter, number, job.cost_of(number))
        return job

    def _beyond_budget(self, job: Job, number: int) -> str:
        if job.budget is None or job.owed(job.edge(number + 1)).nanos_up <= job.budget:
            return ""
        return "The job's own budget will be used up."

    async def _held(self, job: Job, meter: Meter, number: int) -> str:
        """Hold an interval; if that is refused, why."""
        try:
            await self._hold(job, meter, number)
        except LimitReached as refused:
            return str(refused)
        return ""

    async def _close(self, job: Job, meter: Meter) -> Job:
        for number in range(meter.next, job.number_at(job.ended) + 1):
            await self._hold(job, meter, number, anyway=True)
        for number in sorted(meter.held):
            cost = job.cost_of(number, job.ended)
            if cost:
                self._book(job, meter, number, cost)
            else:
                self._void(meter, number)
        for number, entry in meter.unsure.items():
            self._correct(job, number, entry)
        meter.unsure.clear()
        await self.jobs.finish(job.id)
        self._meters.pop(job.id, None)
        return job

    async def _hold(self, job: Job, meter: Meter, number: int, *, anyway: bool = False) -> None:
        """Set an interval aside, and write down that it is charged if we die now. Raises LimitReached or Unavailable;
        `anyway`: also where no limit has room for it."""
        cost, place = job.cost_of(number), Place(TRAINING, TRAINING, job.model)
        fare = Fare(cost.nanos_up, requests=0, concurrent=0)
        if anyway:
            hold = Hold(await self.limits.accounts(job.caller, place))
        else:
            hold = await self.limits.hold(job.caller, fare, place=place)
        draft = self._entry(job, number, hold.charges_for(fare), Cost(cost, CostStatus.UNCERTAIN, fees=cost))
        try:
            await self.journal.open(draft)
        except BaseException:
            hold.void()
            self.journal.void(draft)
            raise
        meter.held[number] = hold, draft
        meter.next = max(meter.next, number + 1)

    def _void(self, meter: Meter, number: int) -> None:
        hold, draft = meter.held.pop(number)
        hold.void()
        self.journal.void(draft)

    def _book(self, job: Job, meter: Meter, number: int, amount: Money, status: CostStatus = CostStatus.EXACT) -> None:
        hold, draft = meter.held.pop(number)
        entry = replace(
            draft,
            cost=Cost(amount, status, fees=amount),
            outcome=Outcome.TRAINED,
            status=200,
            duration_ms=min(job.interval_ms, max(0, job.last - job.edge(number))),
            charges=hold.settle(Fare(amount.nanos_up, requests=0, concurrent=0)),
        )
        self.book(entry)
        self.told(job, entry)

    def _correct(self, job: Job, number: int, entry: Entry) -> None:
        """What was booked in full, and was not used to its end, comes to less."""
        cost = job.cost_of(number, job.ended)
        if cost == entry.cost.known:
            return
        exact = Cost(cost, CostStatus.EXACT, fees=cost)
        correction = corrected(entry, NOTHING_USED, exact, TRAINING, now=self.clock())
        correction = replace(correction, reason="the job was over before", service_tier="")
        self.correct(correction)
        self.told(job, correction)

    def _entry(self, job: Job, number: int, charges: tuple[tuple[str, int], ...], cost: Cost) -> Entry:
        return Entry(
            id=f"{job.id}.{number}",
            request_id=job.id,
            at=job.edge(number) / 1000,
            caller=job.caller,
            asked_model=job.model,
            provider=TRAINING,
            model=job.model,
            served_model=job.model,
            tier=TRAINING,
            selfhosted=False,
            reason=f"{job.job_type} on {job.gpus} x {job.gpu_type}, {job.rate_from}",
            usage=NOTHING_USED,
            cost=cost,
            held_nanos=cost.known.nanos_up,
            outcome=Outcome.UNRESOLVED,
            status=0,
            charges=charges,
            replica=self.replica,
        )
