"""A replica: what outlives its processes, and one process of it with its calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from contextvars import ContextVar
from itertools import count

from msgspec.structs import replace
from simulation.server import Line

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Unavailable
from gateway.core.limit import Fare, Unit
from gateway.limits.chain import Limits
from gateway.limits.holds import NOTHING, Hold
from gateway.limits.leases import Leases

EPOCH = 1_800_000_000.0
CALLERS = tuple(
    Caller(key_id=key, org="o", team=team, user=user)
    for key, team, user in (("k1", "t1", "u1"), ("k2", "t1", "u2"), ("k3", "t2", "u1"))
)
RUNNING: ContextVar[Process] = ContextVar("the process whose code this is")
_numbers = count()


def each(one, other, combine, *, requests, concurrent):
    """A fare of what `combine` makes of two fares' money and tokens."""
    names = ("nanos", "input_tokens", "output_tokens")
    parts = {name: combine(getattr(one, name), getattr(other, name)) for name in names}
    return Fare(**parts, requests=requests, concurrent=concurrent)


class Replica:
    """Its ledger and journal stay when a process dies."""

    def __init__(self, name, world, limits, chance):
        self.name, self.world, self.limits, self.chance = name, world, limits, chance
        self.booked: Counter = Counter()
        self.journal: dict[int, tuple] = {}  # What would be booked of each open call if the process died now.
        self.offset = self.furthest = 0.0  # So far is its clock ahead; the latest that it showed before it was set.
        self.lives = 0
        self.process: Process | None = None
        self.gone = False  # And never comes back.

    def clock(self):
        return EPOCH + self.world.loop.time() + self.offset

    def set_clock(self, offset):
        self.furthest = max(self.furthest, self.clock())
        self.offset = offset

    def has_ended(self, end):
        """A window, by its clock: also by one that was set back since, for then it was settled and forgotten."""
        return end <= max(self.furthest, self.clock())

    async def balances(self, names):
        await asyncio.sleep(0.001)
        return {name: self.booked[name] for name in names if self.booked[name]}

    def start(self):
        """A new process reads the journal of the one before."""
        for charges in self.journal.values():
            self.booked.update(dict(charges))
        self.journal.clear()
        self.lives += 1
        self.world.truth.amounts[self.name] = {limit.id: limit.amount for limit in self.limits}
        self.process = Process(self)

    def crash(self):
        """SIGKILL."""
        self.world.truth.trouble()
        self.world.truth.died(self.name)
        self.process.kill()
        self.process = None

    def rule(self, limits):
        """Other amounts from now on, while calls run: up to the old ones may be used until the store was told."""
        process, told = self.process, self.world.truth.amounts[self.name]
        self.world.truth.trouble()
        for limit in limits:
            told[limit.id] = max(told[limit.id], limit.amount)
        self.limits = limits
        process.limits.rule(limits)
        before = RUNNING.set(process)
        self.world.loop.create_task(self._told(limits))
        RUNNING.reset(before)

    async def _told(self, limits):
        leases = self.process.leases
        while not all(account.reported for account in leases.accounts):  # noqa: ASYNC110 - nothing tells of it.
            await asyncio.sleep(0.01)
        if self.limits is limits:
            self.world.truth.amounts[self.name] = {limit.id: limit.amount for limit in limits}

    def change(self, limits):
        """Restart with another configuration."""
        if self.process is not None:
            self.crash()
        self.limits = limits
        self.start()


class Process:
    """One life of a replica."""

    def __init__(self, replica):
        self.replica, self.world, self.truth = replica, replica.world, replica.world.truth
        self.chance = replica.chance
        self.tasks: dict[asyncio.Task, None] = {}
        self.open: dict[int, Hold] = {}
        self.ready = False
        before = RUNNING.set(self)
        self.world.loop.create_task(self._live())
        RUNNING.reset(before)

    def adopt(self, task):
        """It dies with us."""
        self.tasks[task] = None
        task.add_done_callback(self._done)

    def _done(self, task):
        self.tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.world.loop.call_exception_handler({"message": "a task died", "exception": error})

    def kill(self):
        for task in list(self.tasks):
            task.cancel()
        for hold in self.open.values():
            for account in hold.accounts:
                if account.limit.unit is Unit.CONCURRENT:
                    self.truth.ends(self.replica.name, account, account.part(hold.fare))

    async def _live(self):
        replica = self.replica
        self.line = Line(self.world.server, self.world.weather, self.chance, self.truth)
        self.leases = Leases(self.line, replica.name, replica.balances, replica.clock, life=replica.lives)
        while not self.ready:
            try:
                await self.leases.resume(replica.booked)
                self.ready = True
            except Unavailable:
                await asyncio.sleep(0.3)
        self.limits = Limits(replica.limits, self.leases, replica.clock)
        callers = [self._calls() for _ in range(self.world.plan.callers)]
        await asyncio.gather(self.leases.run(replica.clock), *callers)

    async def _calls(self):
        plan = self.world.plan
        while not self.world.quiet:
            await asyncio.sleep(self.chance.expovariate(1 / plan.pause_s))
            caller = self.chance.choice(CALLERS[: plan.keys])
            if self.chance.random() < plan.hang_up:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.chance.random() * 0.3):
                        await self.call(caller)
            else:
                await self.call(caller)

    def fare(self):
        plan, chance = self.world.plan, self.chance
        return Fare(chance.randint(0, plan.nanos), chance.randint(0, plan.tokens), chance.randint(0, plan.tokens))

    async def call(self, caller):
        """One call from hold to settlement."""
        fare = self.fare()
        hold = await self._asked(caller, fare, lambda: self.limits.hold(caller, fare))
        if hold is None:
            return
        number = next(_numbers)
        self._grown(number, hold, None)
        try:
            await self._runs(number, hold, caller)
        except asyncio.CancelledError:
            if self.replica.process is self:  # The caller hung up: what was held is booked.
                self._over(number, hold, replace(hold.fare, concurrent=0))
            raise

    async def _runs(self, number, hold, caller):
        chance, plan = self.chance, self.world.plan
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            await asyncio.sleep(chance.random() * plan.call_s)
            before, more = hold.fare, self.fare()
            more = each(before, more, lambda had, beyond: had + beyond, requests=1, concurrent=1)
            await self._grow(number, hold, before, more, caller)
        await asyncio.sleep(chance.random() * plan.call_s)
        share = chance.choice((0, 1, 2, 4, 4)) / 4
        spent = each(hold.fare, NOTHING, lambda held, _: int(held * share), requests=1, concurrent=0)
        if chance.random() < 0.1:
            spent = NOTHING
        self._over(number, hold, spent)

    async def _grow(self, number, hold, before, more, caller):
        if self.chance.random() < 0.5:
            waiting = self.limits.wait_for_room(hold, more)
            if waiting is not None:
                await waiting
            with suppress(LimitReached):
                hold.raise_to(more, self.replica.clock())
                self._grown(number, hold, before)
        else:
            beyond = each(more, before, lambda now, had: now - had, requests=0, concurrent=0)
            done = await self._asked(caller, beyond, lambda: self._raise(hold, more), hold.accounts)
            if done is not None:
                self._grown(number, hold, before)

    async def _raise(self, hold, fare):
        await self.limits.raise_to(hold, fare)
        return hold

    async def _asked(self, caller, fare, ask, accounts=None):
        accounts = accounts or self.limits.chain(caller).at(self.replica.clock())
        wait = self.truth.waits(accounts, [a.part(fare) for a in accounts])
        try:
            return await ask()
        except LimitReached:
            if accounts[:1] == self.limits.chain(caller).at(self.replica.clock())[:1]:
                self.truth.refused(wait, accounts, self.world.stranded)
        except Unavailable:
            pass
        finally:
            wait.end = self.world.loop.time()
        return None

    def _grown(self, number, hold, before):
        """The hold has become what it is from what it was `before`."""
        self.truth.holds += 1
        for account in hold.accounts:
            amount = account.part(hold.fare) - (account.part(before) if before else 0)
            self.truth.add(self.replica.name, account, amount)
        self.open[number] = hold
        self.replica.journal[number] = hold.charges_for(hold.fare)

    def _over(self, number, hold, spent):
        held = hold.fare
        charges = hold.settle(spent)
        for account in hold.accounts:
            self.truth.add(self.replica.name, account, account.part(spent) - account.part(held))
        del self.open[number], self.replica.journal[number]
        self.replica.booked.update(dict(charges))
