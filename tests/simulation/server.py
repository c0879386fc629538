"""A store as replicas find it: far away, sometimes gone, and now and then without its memory."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from math import inf

from memory_store import MemoryStore

from gateway.core.errors import Unavailable
from gateway.stores.base import Standing, grant, word

LEARN_S = 1.0
TIMEOUT_S = 0.05
LOST_S = 0.5
"""A failover goes back so far."""


class Server(MemoryStore):
    """The memory store with the learning period of the Redis store. All is done at once; `Line` is the way there."""

    def __init__(self, clock, truth):
        super().__init__(exclusive=False, clock=clock)
        self._clock, self._truth = clock, truth
        self.born: float | None = -inf
        self.state = "up"  # "down": refuses connections; "frozen": answers when it is up again.
        self.generation = 0  # Another one has other connections.
        self.frozen: list = []
        self._undo: deque = deque()
        self._judged = True  # What was forgotten for good is known.
        self.at_the_end_of_learning = lambda: None

    @property
    def learning(self):
        return self.born is None or self._clock() < self.born + LEARN_S

    async def look(self, replica):
        """Whether others are short, and the mark that is lost with the memory."""
        self._be_born()
        return await self.wanted(replica), 0 if self.born == -inf else int(self.born * 1000)

    def _be_born(self):
        if self.born is None:
            self.born = self._clock()
            self._truth.trouble(LEARN_S)

    def forget(self):
        """As FLUSHALL does."""
        self._records.clear()
        self._undo.clear()
        self._lost(None)

    def fail_over(self):
        """Another server has the state of half a second ago, and its connections are new."""
        while self._undo and self._undo[-1][0] > self._clock() - LOST_S:
            _, record, replica, before = self._undo.pop()
            self._records[record].pop(replica, None)
            if before is not None:
                self._records[record][replica] = before
        self._undo.clear()
        self.generation += 1
        self.frozen.clear()
        self._lost(self._clock())

    def _lost(self, born):
        self.born, self._judged = born, False
        self._truth.trouble(LEARN_S)

    def _grant(self, replica, ask):
        self._be_born()
        learning = self.learning
        if not learning and not self._judged:
            self._judged = True
            self.at_the_end_of_learning()
        record = self._records[ask.record]
        before, all_before = record.get(replica), _leased(record)
        now = grant(record, replica, ask)
        if learning and now is not before:
            spent = max(ask.spent, before.spent if before else 0)
            now = Standing(max(spent, min(ask.want, ask.keep)), spent, ask.held, 0, ask.turn)
        record[replica] = now
        self._remember(ask.record, replica, before)
        if not learning and now.leased > now.spent + now.held and _leased(record) > max(all_before, ask.limit):
            self._truth.broken(f"{ask.record}: {_leased(record)} are leased of {ask.limit}: {record}")
        return replace(word(record, replica), learning=learning)

    def _remember(self, record, replica, before):
        now = self._clock()
        self._undo.append((now, record, replica, before))
        while self._undo[0][0] < now - LOST_S:
            self._undo.popleft()

    async def resume(self, replica, spent, *more):
        for record, standings in self._records.items():
            self._remember(record, replica, standings.get(replica))
        await super().resume(replica, spent, *more)


def _leased(record):
    return sum(max(s.leased, s.spent) for s in record.values())


@dataclass
class Weather:
    """How likely a message suffers what."""

    lost: float = 0.0
    unanswered: float = 0.0
    repeated: float = 0.0
    late: float = 0.0
    late_s: float = 0.4


class Line:
    """One process's way to the server. `weather` may change."""

    exclusive = False

    def __init__(self, server, weather, chance, truth):
        self._server, self._weather, self._chance, self._truth = server, weather, chance, truth
        self._loop = asyncio.get_running_loop()
        self.epoch = 0
        self.spoke_since = inf  # From when on every request was answered; the first of them a look.

    async def exchange(self, replica, asks):
        return await self._ask(self._server.exchange, replica, asks)

    async def wanted(self, replica):
        asked = self._loop.time()
        said, self.epoch = await self._ask(self._server.look, replica)
        self.spoke_since = min(self.spoke_since, asked)
        return said

    async def records(self, replica):
        return await self._ask(self._server.records, replica)

    async def resume(self, replica, spent, *more):
        await self._ask(self._server.resume, replica, spent, *more)

    async def _ask(self, work, *what):
        answer, chance, weather = self._loop.create_future(), self._chance, self._weather
        call = (self._server.generation, work, what)
        there = self._travel()
        if chance.random() < weather.lost:
            self._truth.trouble()
        else:
            self._loop.call_later(there, self._deliver, call, answer)
            if chance.random() < weather.repeated:
                self._loop.call_later(there + chance.random() * weather.late_s, self._deliver, call, None)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await answer
        except TimeoutError:
            self.spoke_since = inf
            self._truth.trouble()
            raise Unavailable("The store does not answer.") from None
        except Unavailable:
            self.spoke_since = inf
            self._truth.trouble()
            raise

    def _travel(self):
        if self._chance.random() < self._weather.late:
            return self._chance.random() * self._weather.late_s
        return 0.0002 + self._chance.random() * 0.003

    def _deliver(self, call, answer):
        generation, work, what = call
        server = self._server
        if server.state == "frozen" and generation == server.generation:
            server.frozen.append(lambda: self._deliver(call, answer))
        elif server.state == "down" or generation != server.generation:
            _say(answer, Unavailable("No connection."))
        else:
            said = _at_once(work(*what))
            if self._chance.random() >= self._weather.unanswered:
                self._loop.call_later(self._travel(), _say, answer, said)


def _say(answer, said):
    if answer is None or answer.done():
        return
    if isinstance(said, Exception):
        answer.set_exception(said)
    else:
        answer.set_result(said)


def _at_once(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the store has waited")
