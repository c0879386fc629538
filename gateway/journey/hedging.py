"""Asking a second deployment when the first is late: whichever begins to answer first is passed on.

    first  ──────────────── late ─────────── … ─┐
    second               └── asked, if there is money and not too many calls are ─┴─▶ the first to begin is the answer

The other one is booked by itself: broken off where that ends the charging, else read to its
end, which nobody waits for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from gateway.core.entry import Outcome
from gateway.core.errors import BadRequest, GatewayError, LimitReached, Unavailable
from gateway.journey.asking import Asking, Attempt, Failures
from gateway.journey.booking import Booking
from gateway.journey.option import Chosen, Option
from gateway.journey.passage import DRAIN_S_MAX, Incoming
from gateway.journey.question import Question
from gateway.journey.relay import settle_unheard
from gateway.tokens import Tokens
from gateway.upstream.errors import Lost
from gateway.upstream.retry import RetryBudget

log = logging.getLogger("fareway.hedging")


@dataclass(slots=True, eq=False)
class Lane:
    """One of the two: its own attempt, on a booking of its own."""

    booking: Booking
    untried: list[Option]  # What it may go on to.
    failures: Failures
    task: asyncio.Task[bool] = field(init=False)  # Whether it has an answer that has begun.
    attempt: Attempt | None = None  # Once there is an answer.


class LeftBehind:
    """Calls that are read for their cost alone."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, task: asyncio.Task[None]) -> None:
        """One more, until it ends."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Break them off: each is booked at all that it holds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Hedging:
    """Asks as `asking` does, and a second time where the plan says when."""

    def __init__(
        self,
        asking: Asking,
        retries: RetryBudget,
        tokens: Tokens,
        monotonic: Callable[[], float],
        left_behind: LeftBehind | None = None,
    ) -> None:
        self._asking = asking
        self._retries = retries  # Hedges and repeats together are at most its share of calls.
        self._tokens = tokens
        self._monotonic = monotonic
        self._left_behind = left_behind or LeftBehind()

    def ask(
        self, question: Question, chosen: Chosen, booking: Booking, *, patient: bool = True
    ) -> Coroutine[Any, Any, Attempt]:
        """See `Asking.ask`."""
        hedged = chosen.hedge_after_ms is not None and len(chosen.plan) > 1
        return self._asking.ask(question, chosen, booking, way=self._race if hedged else None, patient=patient)

    async def _race(self, question: Question, chosen: Chosen, booking: Booking, failures: Failures) -> Attempt | None:
        """The first that begins to answer; None if none does. Raises what is final for the first lane."""
        assert chosen.hedge_after_ms is not None
        own = booking.beside()
        own.take(booking)
        lanes = [self._lane(question, chosen, own, list(chosen.plan), failures)]
        try:
            await asyncio.wait([lanes[0].task], timeout=chosen.hedge_after_ms / 1000)
            if not lanes[0].task.done() and (second := await self._second(question, chosen, lanes[0])) is not None:
                lanes.append(second)
            winner = await _first_to_begin(lanes)
        except BaseException:
            for lane in lanes:
                self._leave_behind(lane, question, chosen, Outcome.HUNG_UP)
            raise
        for lane in lanes:
            if lane is not winner and (winner is not None or lane is not lanes[0]):
                self._leave_behind(lane, question, chosen, Outcome.OUTRUN)
        if winner is None:
            booking.take(own)
            lanes[0].task.result()  # Raises what is final.
            return None
        if winner.booking is not own:
            winner.booking.tried[:0] = own.tried
            booking.entries = list(own.entries)
        booking.take(winner.booking)
        return winner.attempt

    def _lane(
        self,
        question: Question,
        chosen: Chosen,
        booking: Booking,
        untried: list[Option],
        failures: Failures,
    ) -> Lane:
        lane = Lane(booking, untried, failures)
        lane.task = asyncio.create_task(self._run(lane, question, chosen))
        return lane

    async def _run(self, lane: Lane, question: Question, chosen: Chosen) -> bool:
        """Walk until an answer has begun. Raises what is final."""
        drawn = _drawn(lane.untried)
        while True:
            lane.attempt = await self._asking.walk(question, chosen, lane.booking, lane.failures, drawn)
            if lane.attempt is None:
                return False
            try:
                await lane.attempt.answer.begun()
            except Lost as error:
                lane.failures.add(error)
                self._asking.lost(lane.attempt, lane.booking, error)
                lane.attempt = None
                if lane.failures.final:
                    raise lane.failures.told from error
            else:
                return True

    async def _second(self, question: Question, chosen: Chosen, first: Lane) -> Lane | None:
        """The next of the plan is asked, if there is one, and room for it beside the first. It is held for at once or
        not at all."""
        if not first.untried or not self._asking.may_ask(first.untried[0], question) or not self._retries.take():
            return None
        option, late = first.untried.pop(0), f"nothing came in {chosen.hedge_after_ms:.0f} ms"
        chosen = replace(chosen, reason=f"hedge to {option.candidate.name}: {late}; {chosen.reason}")
        booking = first.booking.beside()
        try:
            with ExitStack() as unused:
                unused.enter_context(booking)
                await booking.begin(option, chosen.reason, *question.fare(option), patient=False)
                unused.pop_all()
        except (BadRequest, LimitReached, Unavailable) as refused:
            first.untried.insert(0, option)
            first.booking.tried.append(f"{late}, and there is no room for a second call: {refused}")
            return None
        first.booking.tried.append(f"{late}: {option.candidate.name} was asked, too")
        return self._lane(question, chosen, booking, [option], Failures())

    def _leave_behind(self, lane: Lane, question: Question, chosen: Chosen, outcome: Outcome) -> None:
        lane.untried.clear()
        if lane.booking.has_left:
            lane.booking.left_behind()
        else:
            lane.task.cancel()  # At once: nobody would know of what still left.
        self._left_behind.add(asyncio.create_task(self._finish(lane, question, chosen, outcome)))

    async def _finish(self, lane: Lane, question: Question, chosen: Chosen, outcome: Outcome) -> None:
        """Close the books of a lane that nobody waits for any more."""
        with lane.booking:
            try:
                await self._settle(lane, question, chosen, outcome)
            except (GatewayError, TimeoutError) as error:
                log.info("what came too late did not come to its end: %s", error)
            except Exception:
                log.exception("unhandled error in what came too late")
            finally:
                lane.task.cancel()
                if lane.attempt is not None:
                    lane.attempt.close()
            if lane.booking.has_left:
                lane.booking.settle_in_full(outcome, 499)

    async def _settle(self, lane: Lane, question: Question, chosen: Chosen, outcome: Outcome) -> None:
        if not self._charges_on(lane, question, chosen):
            lane.task.cancel()
        await asyncio.wait([lane.task], timeout=DRAIN_S_MAX)
        if lane.task.done() and not lane.task.cancelled():
            lane.task.exception()  # It was noted where it came up.
        if lane.attempt is not None and lane.booking.under_way:
            incoming = Incoming(
                question=question,
                option=lane.attempt.option,
                answer=lane.attempt.answer,
                booking=lane.booking,
                flight=None,
                tokens=self._tokens,
                monotonic=self._monotonic,
            )
            async with asyncio.timeout(DRAIN_S_MAX):
                await settle_unheard(incoming, outcome)

    def _charges_on(self, lane: Lane, question: Question, chosen: Chosen) -> bool:
        """Whether to abort it would save nothing."""
        if not lane.booking.has_left:
            return False
        providers = (o.deployment.provider for o in chosen.plan if o.candidate.name == lane.booking.destination)
        return not question.request.facts.stream or any(provider.bills_after_abort for provider in providers)


def _drawn(untried: list[Option]) -> Iterator[Option]:
    """One after the other; what is taken out meanwhile is left out."""
    while untried:
        yield untried.pop(0)


async def _first_to_begin(lanes: list[Lane]) -> Lane | None:
    """The lane that has an answer first; None if none gets one."""
    pending = {lane.task for lane in lanes}
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for lane in lanes:
            if lane.task.done() and lane.task.exception() is None and lane.task.result():
                return lane
    return None
