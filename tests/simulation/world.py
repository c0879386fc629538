"""One run: replicas, their store, and what befalls them, on one event loop whose clock jumps."""

from __future__ import annotations

import asyncio
from random import Random

from limits.virtual import VirtualLoop
from simulation.plan import EVENTS, bad_weather, changed, plan
from simulation.replica import CALLERS, RUNNING, Replica
from simulation.server import Server, Weather
from simulation.truth import Truth

from gateway.core.errors import LimitReached, Unavailable
from gateway.core.limit import Fare, Unit

WATCH_EVERY_S = 0.1
QUIET_S = 2.0


class World:
    """`World(seed).run()` raises what was found."""

    def __init__(self, seed):
        self.plan, self.chance = plan(seed)
        self.loop = VirtualLoop()
        self.truth = Truth(self.loop.time)
        self.server = Server(self.loop.time, self.truth)
        self.server.at_the_end_of_learning = self.reckon_what_is_forgotten
        self.weather = self.plan.weather
        self.quiet = False
        self.replicas = [
            Replica(name, self, self.plan.limits, Random(f"{seed}/{name}")) for name in "abcdef"[: self.plan.replicas]
        ]
        self.stranded_at_the_end = 0

    def run(self):
        self.loop.set_task_factory(self._task)
        self.loop.set_exception_handler(self._failed)
        try:
            self.loop.run_until_complete(self._all())
        except Unavailable as error:
            self.truth.found.append(error)
        finally:
            self._end()
        if self.truth.found:
            raise self.truth.found[0]

    def _task(self, loop, coroutine, **more):
        task = asyncio.Task(coroutine, loop=loop, **more)
        process = RUNNING.get(None)
        if process is not None:
            process.adopt(task)
        return task

    def _failed(self, _loop, context):
        """Nobody waits for it: a task of a replica, or a message on its way."""
        error = context.get("exception")
        if error not in self.truth.found:
            self.truth.found.append(error or AssertionError(context["message"]))

    def _end(self):
        for replica in self.replicas:
            if replica.process is not None:
                replica.process.kill()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    async def _all(self):
        if self.plan.new_store:
            self.server.born = None
        for replica in self.replicas:
            replica.start()
        watching = asyncio.create_task(self._watch())
        await self._befall()
        await self._settle_down()
        watching.cancel()
        if not self.truth.found:
            await self._judge()

    async def _befall(self):
        events, until = EVENTS[self.plan.trouble], self.plan.seconds
        while self.loop.time() < until and not self.truth.found:
            await asyncio.sleep(self.chance.expovariate(1 / self.plan.events_every_s))
            if events:
                getattr(self, f"_{self.chance.choice(events)}")()

    def _some(self):
        return self.chance.choice(self.replicas)

    def _weather(self):
        self.weather.__dict__.update(bad_weather(self.chance).__dict__)
        self.loop.call_later(self.chance.random() * 2, self._clear_up)

    def _clear_up(self):
        self.truth.trouble(self.weather.late_s)
        self.weather.__dict__.update(Weather().__dict__)

    def _crash(self):
        replica = self._some()
        if replica.process is not None:
            replica.crash()
            self.loop.call_later(self.chance.choice((0.05, 0.5, 2.0)), self._come_back, replica)

    def _restart(self):
        for replica in self.replicas:
            self._come_back(replica)

    def _come_back(self, replica):
        if replica.process is None and not replica.gone:
            replica.start()

    def _leave(self):
        replica = self._some()
        if replica.process is not None and sum(r.process is not None for r in self.replicas) > 1:
            replica.crash()
            replica.gone = True

    def _outage(self):
        self._stop("down")

    def _freeze(self):
        self._stop("frozen")

    def _stop(self, state):
        seconds = self.chance.random() * 2
        self.server.state = state
        self.truth.trouble(seconds)
        self.loop.call_later(seconds, self._work_again)

    def _work_again(self):
        server, self.server.state = self.server, "up"
        waiting, server.frozen = server.frozen, []
        for deliver in waiting:
            deliver()

    def _flush(self):
        self.server.forget()

    def _failover(self):
        self.server.fail_over()

    def _clock(self):
        self.truth.trouble()
        self._some().set_clock(self.chance.choice((0, 0.3, -0.3, 2, -2, 50, -50, 3600)))

    def _limits(self):
        replica = self._some()
        if not replica.gone:
            replica.change(changed(self.plan.limits, self.chance))

    def _rule(self):
        limits = changed(self.plan.limits, self.chance)
        for replica in self.living if self.chance.random() < 0.5 else [self._some()]:
            if replica.process is not None and replica.process.ready:
                replica.rule(limits)

    async def _settle_down(self):
        """All troubles end, all calls end, and the configuration is the same everywhere."""
        self._clear_up()
        self._work_again()
        self.quiet = True
        for replica in self.replicas:
            if self.plan.trouble in ("limits", "everything") and not replica.gone:
                replica.change(self.plan.limits)
            self._come_back(replica)
        if self.server.learning:
            await asyncio.sleep(1.0)
        await asyncio.sleep(4 * self.plan.call_s + 1.5 + QUIET_S)

    @property
    def living(self):
        return [replica for replica in self.replicas if replica.process is not None]

    def stranded(self, record):
        """What the dead have leased and not used."""
        standings = self.server.standings(record) if record in self.server._records else {}
        dead = [replica.name for replica in self.replicas if replica.process is None]
        had = ((standings[name], self.truth.used[record][name]) for name in dead if name in standings)
        return sum(max(0, s.leased - used) for s, used in had)

    def reckon_what_is_forgotten(self):
        """The store has learnt: what it was not told, it may lease to others."""
        for record in self.truth.binding:
            used = self.truth.used[record]
            known = self.server.standings(record) if record in self.server._records else {}
            for replica in self.replicas:
                has = max([used[replica.name], *(a.leased for a in _accounts(replica) if a.id == record)])
                lost = has - (
                    max(known[replica.name].leased, known[replica.name].spent) if replica.name in known else 0
                )
                if lost > 0:
                    self.truth.forgotten[record] += lost
                    self._was_it_told(replica, record, lost)

    def _was_it_told(self, replica, record, lost):
        process = replica.process
        if process is None or not process.ready or replica.has_ended(self.truth.binding[record]):
            return
        if process.line.spoke_since < self.loop.time() - 0.6:
            self.truth.broken(f"{record}: {replica.name} lives, and never told anew the {lost} that it has")

    async def _watch(self):
        while not self.truth.found:
            await asyncio.sleep(WATCH_EVERY_S)
            self.check_books()

    def check_books(self):
        """Every open account says what its replica's ledger and calls in flight say."""
        for replica in self.living:
            held = {}
            for hold in replica.process.open.values():
                for account in hold.accounts:
                    held[account.id] = held.get(account.id, 0) + account.part(hold.fare)
            for account in _accounts(replica):
                if (account.spent, account.held) != (replica.booked[account.id], held.get(account.id, 0)):
                    told = f"{account.spent} spent and {account.held} held"
                    so = f"{replica.booked[account.id]} and {held.get(account.id, 0)}"
                    self.truth.broken(f"{account.id}: {replica.name} says {told}, but it is {so}")

    async def _judge(self):
        """All is quiet: whatever is free is to be had everywhere, and the store knows what was spent."""
        self.check_books()
        for replica in self.living:
            for account in _accounts(replica):
                standing = self.server.standings(account.id).get(replica.name)
                if standing is None or standing.spent != replica.booked[account.id]:
                    self.truth.broken(f"{account.id}: {replica.name} spent {replica.booked[account.id]}: {standing}")
        for replica in self.living:
            for caller in CALLERS[: self.plan.keys]:
                await self._admitted(replica, caller)

    async def _admitted(self, replica, caller):
        accounts = await replica.process.limits.accounts(caller)
        free = {}
        for account in accounts:
            stranded = self.stranded(account.id)
            self.stranded_at_the_end = max(self.stranded_at_the_end, stranded)
            left = account.limit.amount - self.truth.total[account.id] - stranded
            if account.hard:
                free[account.limit.unit] = min(left, free.get(account.limit.unit, left))
        fare = _fare({unit: max(0, amount) for unit, amount in free.items()})
        try:
            hold = await replica.process.limits.hold(caller, fare)
        except LimitReached as refused:
            self.truth.broken(f"at the end {replica.name} refuses what is free, {fare}: {refused}")
        hold.void()


def _fare(free):
    """As much as fits."""
    given, made = free.get(Unit.INPUT_TOKENS, 0), free.get(Unit.OUTPUT_TOKENS, 0)
    if Unit.TOKENS in free:
        given = min(free[Unit.TOKENS], given)
        made = min(free[Unit.TOKENS] - given, free.get(Unit.OUTPUT_TOKENS, free[Unit.TOKENS]))
    return Fare(free.get(Unit.USD, 0), given, made, free.get(Unit.REQUESTS, 0), free.get(Unit.CONCURRENT, 0))


def _accounts(replica):
    return [] if replica.process is None or not replica.process.ready else list(replica.process.leases.accounts)
