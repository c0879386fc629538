"""Climbing a cascade: the cheap ones answer first, into a buffer, and the caller gets the first answer that will do.

step ─▶ check ─▶ passes: given           every answer is an entry of the ledger, whoever reads it,
          └─▶ step … ─▶ the rest of the plan answers, unchecked        and is held for before it is asked
                          └─▶ cannot: the last good answer is given rather than none
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from gateway.cache.flights import Flight
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import BadRequest, GatewayError, LimitReached, Unavailable, UpstreamError
from gateway.core.money import Money
from gateway.core.reply import Reply, Verdict
from gateway.core.route import Cascade
from gateway.journey.booking import Booking
from gateway.journey.cascade.kept import CASCADE, KEPT_BYTES_MAX, Kept
from gateway.journey.cascade.reading import reply
from gateway.journey.option import Chosen, Option
from gateway.journey.passage import Client
from gateway.journey.question import Question
from gateway.journey.receipt import plain

CASCADE_COST = "x-fareway-cascade-cost-usd"
"""The header that says what all other answers of the call cost, beside the one that is given."""

AT_ONCE_BYTES_MAX = 16 << 10
"""A longer answer is read in a thread, so that other calls do not wait for it: a stream takes some 3 µs an event."""

log = logging.getLogger("fareway.cascade")

CannotAnswer = (UpstreamError, LimitReached, Unavailable, BadRequest)


class Answer(Protocol):
    """Asks a plan and passes the answer on. Raises GatewayError before anything was passed on."""

    async def __call__(self, chosen: Chosen, to: Client, feeds: Flight | None, *, patient: bool = True) -> None:
        """See the class."""
        ...


@dataclass(slots=True)
class Step:
    """One answer that was checked, or could have been."""

    kept: Kept
    flight: Flight | None  # Who listens to the call hears of it once it is given.
    reply: Reply
    entry: Entry


@dataclass(slots=True)
class Climb:
    """One call on its way up."""

    question: Question
    chosen: Chosen
    booking: Booking
    answer: Answer
    client: Client
    flight: Flight | None
    steps: list[Step] = field(default_factory=list)  # Whose answers are whole.
    why: str = ""  # The newest answer will not do.

    async def run(self, cascade: Cascade) -> None:
        """Give the caller an answer. Raises GatewayError where nobody has one, as asking a plan does."""
        for option in self.chosen.plan[: cascade.steps]:
            self.booking.expect_caller()
            step = await self._ask(option)
            if step is None:
                continue
            if step.kept.given:
                self._feed(step)
                return
            self.steps.append(step)
            verdict = self._judge(cascade)
            if verdict.passes:
                self._feed(step)
                await self._give(step, verdict.why)
                return
            self.why = f"{option.candidate.name}: {verdict.why}"
        await self._escalate(cascade.steps)

    async def _ask(self, option: Option) -> Step | None:
        """One of the cheap ones. None where it did not answer."""
        name = option.candidate.name
        kept, flight = Kept(self.client), None if self.flight is None else Flight()
        try:
            await self.answer(self._reasoned(Chosen((option,), self.chosen.reason)), kept, flight, patient=False)
        except CannotAnswer as error:
            self._close(error)
            self.why = f"{name}: {error}"
            return None
        entry = self.booking.entry
        assert entry is not None, "what was passed on is settled"
        self.booking.tried.clear()  # The reason of the next attempt tells why there is one.
        if entry.outcome not in (Outcome.OK, Outcome.STOPPED):
            self.why = f"{name}: {entry.outcome}"
            return None
        if len(kept.body) > KEPT_BYTES_MAX:
            await kept.give({CASCADE: "too long to be checked"})
        return Step(kept, flight, await self._read(name, kept), entry)

    async def _read(self, name: str, kept: Kept) -> Reply:
        body, content_type = kept.body, next((v for k, v in kept.headers.items() if k.lower() == "content-type"), "")
        read = name, self.question.dialect.name, content_type, body
        return reply(*read) if len(body) <= AT_ONCE_BYTES_MAX else await asyncio.to_thread(reply, *read)

    def _judge(self, cascade: Cascade) -> Verdict:
        try:
            return cascade.check(self.question.request, tuple([step.reply for step in self.steps]), cascade.params)
        except Exception:  # A check is anybody's code. The call is paid for and goes on.
            log.exception("the check of a cascade failed")
            return Verdict(passes=False, why="the check failed")

    async def _escalate(self, steps: int) -> None:
        """The rest of the plan answers; where it cannot, what there is."""
        self.booking.expect_caller()
        told = {CASCADE: plain(f"escalated: {self.why}")} | self._cost_of(self.booking.entries)
        rest = self._reasoned(replace(self.chosen.without_first(steps), told=told))
        try:
            await self.answer(rest, self.client, self.flight)
        except CannotAnswer as error:
            self._close(error)
            if not self.steps:
                raise
            await self._give(self.steps[-1], f"given though {self.why}, for nobody else can answer: {error}")

    def _reasoned(self, chosen: Chosen) -> Chosen:
        return replace(chosen, reason=f"{self.why}; {chosen.reason}") if self.why else chosen

    def _close(self, error: GatewayError) -> None:
        """The attempt under way broke off: its provider may have charged for all."""
        if self.booking.under_way:
            self.booking.settle_in_full(Outcome.FAILED, error.status)

    async def _give(self, step: Step, why: str) -> None:
        others = [entry for entry in self.booking.entries if entry is not step.entry]
        await step.kept.give({CASCADE: plain(f"{step.reply.name}: {why}")} | self._cost_of(others))

    def _feed(self, step: Step) -> None:
        """Those who listen to the call, or ask the same later, get this answer."""
        flight = step.flight
        if self.flight is not None and flight is not None and flight.head is not None and flight.first is not None:
            self.flight.begin(flight.head)
            self.flight.add(flight.body)
            self.flight.bought = flight.bought

    def _cost_of(self, entries: list[Entry]) -> dict[str, str]:
        """As a header; none where a price is not known."""
        costs = [entry.cost.total for entry in entries]
        known = [cost.picos for cost in costs if cost is not None]
        return {CASCADE_COST: Money(sum(known)).decimal} if len(known) == len(costs) else {}
