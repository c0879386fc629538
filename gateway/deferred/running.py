"""Sending calls that have time. One process of a home does it for all: no call is made twice by two of them.

    waiting ─ chosen ─▶ running ─▶ done | failed
       ▲                   │
       └── given up, refused for now, or this process died: chosen anew, with what is left of the time

A call that was under way when the process died may have been charged: the books say so, and it is asked once more. If
that ends in the same way, it has failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from gateway.core.errors import GatewayError, LimitReached, PolicyFailed
from gateway.deferred.again import BrokeDown, again_at
from gateway.deferred.asking import Answer, Asking, worded
from gateway.deferred.choosing import Choice, Offer, Way, choose
from gateway.deferred.lanes import Lanes
from gateway.deferred.offers import DURATION_S, Offered, Offering
from gateway.deferred.record import Later, State, as_text
from gateway.deferred.settling import Found
from gateway.deferred.shelf import NotKept, Shelf, surely
from gateway.deferred.under_way import UnderWay

LOOK_EVERY_S, LOOK_S_MIN = 1.0, 0.02
AT_ONCE, URGENT_AT_ONCE = 64, 16
"""Works under way at most, and so many beside them for calls that have no time left."""

CRASHES_MAX = 1
"""Times that a call is asked again after the process died during it."""

SWITCH_S_MAX = 5.0
"""For a last look at a batch: results that take longer are charged, and come too late."""

SWEEP_EVERY_S = 600.0

_AT_ONCE = Offer(Way.SYNC, "", "", None)
_BUG = "Something went wrong in the gateway."

log = logging.getLogger("fareway.deferred")


class Running:
    """See the module. `ended` hears of each: the way and the state."""

    def __init__(
        self,
        shelf: Shelf,
        asking: Asking,
        offering: Offering,
        lanes: Lanes,
        wake: asyncio.Event,
        *,
        clock: Callable[[], float],
        ended: Callable[[str, str], None],
        margin_s: float,
        keep_s: float,
    ) -> None:
        self._shelf = shelf
        self._asking = asking
        self._offering = offering
        self._lanes = lanes
        self._clock = clock
        self._ended = ended
        self._margin_s = margin_s  # Before the deadline, beside what a call takes.
        self._keep_s = keep_s  # For an answer that nobody fetches.
        self._wake = wake  # Set when a call was taken.
        self._under_way = UnderWay()
        self._collecting: dict[str, asyncio.Task[None]] = {}  # By batch.
        self._giving = asyncio.Lock()  # A call is given its batch's answer, or is switched.
        self._resumed = False
        self._swept = self._wiped = clock()

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                self._wake.clear()
                wait_s = LOOK_EVERY_S
                if self._shelf.used:
                    try:
                        wait_s = await self._turn()
                    except NotKept as error:
                        log.warning("calls for later are not looked after now: %s", error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            await self._under_way.drain()

    async def _turn(self) -> float:
        """Look at all that is due. Returns for how many seconds nothing is, as far as this process knows."""
        if not self._resumed:
            await self._resume()
            self._resumed = True
        room = AT_ONCE - len(self._under_way)
        for later in await self._due(room):
            await self._step(later)
        for lane in self._lanes.full():
            self._under_way.begin(self._send(lane))
        for batch in self._lanes.due(self._clock()):
            self._collect(batch)
        if self._clock() - self._swept > SWEEP_EVERY_S:
            self._swept = self._clock()
            await self._shelf.sweep(self._swept)
        if self._clock() - self._wiped >= LOOK_EVERY_S:
            self._wiped = self._clock()
            await self._shelf.wipe()
        due = await self._shelf.next_due() if room > 0 else None
        return LOOK_EVERY_S if due is None else min(LOOK_EVERY_S, max(LOOK_S_MIN, due - self._clock()))

    async def _due(self, room: int) -> list[Later]:
        """What is to be looked at now. Where there is no room, others may take long: what must leave now does."""
        now = self._clock()
        if room > 0:
            return await self._shelf.due(now, room)
        urgent = room + URGENT_AT_ONCE
        soon = now + self._margin_s + DURATION_S  # Nobody has looked yet when a call must be asked that is new.
        return await self._shelf.due(now, urgent, soon) if urgent > 0 else []

    async def _resume(self) -> None:
        """What an earlier process has left under way."""
        await self._lanes.resume()
        for later in await self._shelf.running():
            if later.place is not None and later.way == Way.BATCH:  # Else it stood there once.
                await self._shelf.put(later, before=State.RUNNING, due=later.switch_at)
            elif later.crashes >= CRASHES_MAX:
                await self._end(replace(later, crashes=later.crashes + 1), worded(BrokeDown(), later))
            else:
                waiting = replace(later, state=State.WAITING, crashes=later.crashes + 1)
                await self._shelf.put(waiting, before=State.RUNNING, due=self._clock())

    async def _step(self, later: Later) -> None:
        """One call that is due."""
        if later.state is State.RUNNING:
            await self._shelf.put(later, before=State.RUNNING)
            self._under_way.begin(surely(self._switch, later))  # Nothing else makes it due again.
            return
        try:
            body = await self._shelf.body(later.id)
            call = self._asking.call(later, body)
            offered = await self._offering.of(call, self._asking.key(later))
            switch_at = later.deadline - self._margin_s - offered.duration_s
            offers = [offer for offer in offered.offers if offer.way not in later.given_up]
            choice = choose(offers, self._clock(), switch_at)
            chosen = replace(later, way=choice.offer.way, reason=choice.reason, switch_at=switch_at)
            await self._go(chosen, body, offered, choice)
        except NotKept:
            raise
        except GatewayError as error:
            await self._not_now(later, error)
        except Exception:
            log.exception("unhandled error in call %s", later.id)
            await self._end(later, worded(GatewayError(_BUG), later))

    async def _go(self, later: Later, body: bytes, offered: Offered, choice: Choice) -> None:
        now = self._clock()
        if choice.at > now:
            due = min(choice.at, max(now, later.switch_at))
            await self._shelf.put(replace(later, lane=""), before=State.WAITING, due=due)
        elif choice.offer.way is Way.BATCH:
            await self._lanes.gather(later, offered, choice.offer)
        else:
            running = _again(later, lane="")
            if await self._shelf.put(running, before=State.WAITING):
                self._under_way.begin(self._answer(running, body, choice.offer))

    # The ordinary journey.

    async def _answer(self, later: Later, body: bytes, offer: Offer) -> None:
        """Ask it that way. It is running."""
        ours = self._offering.ours
        ours[offer.name] += offer.way is Way.IDLE
        try:
            later, asked = await self._asked(later, body, offer)
            answer = await asked
        except GatewayError as error:
            await surely(self._not_now, later, error)
        except Exception:
            log.exception("unhandled error in call %s", later.id)
            await surely(self._end, later, worded(GatewayError(_BUG), later))
        else:
            await surely(self._end, later, answer)
        finally:
            ours[offer.name] -= offer.way is Way.IDLE

    async def _asked(self, later: Later, body: bytes, offer: Offer) -> tuple[Later, Awaitable[Answer]]:
        """That way; and at once beside it when that is due, where it takes longer. What comes too late runs to its end
        and is booked. Returns it as it was asked last, also where that fails: no name in the books is used twice."""
        if offer.way is Way.SYNC:
            return later, self._asking.answer(later, body, offer)
        first = asyncio.create_task(self._asking.answer(later, body, offer))
        self._under_way.keep(first)
        await asyncio.wait({first}, timeout=max(0.0, later.switch_at - self._clock()))
        if first.done():
            return later, first
        beside = _again(later, way=Way.SYNC, reason=f"{offer.way} took too long")
        await surely(self._shelf.put, beside, before=State.RUNNING)
        second = asyncio.create_task(self._asking.answer(beside, body, _AT_ONCE))
        self._under_way.keep(second)
        pending = {first, second}
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.exception() is None:
                    return replace(beside, way=offer.way if task is first else Way.SYNC), task
        return beside, second

    # Batches.

    async def _send(self, lane: str) -> None:
        for later, error in await self._lanes.send(lane):
            await surely(self._not_now, later, error)

    def _collect(self, batch: str) -> asyncio.Task[None]:
        """Give the answers of a batch to those that still wait for them. It is done once at a time."""
        collecting = self._collecting.get(batch)
        if collecting is None:
            collecting = self._under_way.begin(self._lanes.collect(batch, self._give))
            self._collecting[batch] = collecting
            collecting.add_done_callback(lambda _: self._collecting.pop(batch))
        return collecting

    async def _give(self, found: Found) -> None:
        async with self._giving:
            kept = await self._shelf.find(found.later.id)  # As it stands now: it may have been switched meanwhile.
            if kept is None or kept.later.state is not State.RUNNING or kept.later.switched:
                await self._shelf.settled(found.later.id)
            elif found.answer is not None:
                await self._end(kept.later, found.answer, batch="")
            else:
                given_up = (*kept.later.given_up, Way.BATCH)
                waiting = replace(kept.later, state=State.WAITING, given_up=given_up)
                await self._shelf.put(waiting, before=State.RUNNING, due=self._clock(), batch="")

    async def _switch(self, later: Later) -> None:
        """Its batch has had its time: its answer is taken if it is there by now, else it is asked at once."""
        assert later.place is not None
        await asyncio.wait({self._collect(later.place.batch)}, timeout=SWITCH_S_MAX)
        async with self._giving:
            kept = await self._shelf.find(later.id)
            if kept is None or kept.later.state is not State.RUNNING or kept.later.switched:
                return
            given_up, reason = (*kept.later.given_up, Way.BATCH), "the batch had not ended in time"
            switched = _again(kept.later, way=Way.SYNC, reason=reason, given_up=given_up, switched=True)
            body = await self._shelf.body(later.id)
            if not await self._shelf.put(switched, before=State.RUNNING):
                return
        self._under_way.begin(self._lanes.cancel(switched))
        await self._answer(switched, body, _AT_ONCE)

    # The end.

    async def _not_now(self, later: Later, error: GatewayError) -> None:
        """It was refused, or failed: another way, or later, or never."""
        if isinstance(error, PolicyFailed):
            log.error("call %s was not decided on", later.id, exc_info=error)
        now = self._clock()
        at = again_at(error, later.runs, now, later.deadline)
        if later.state is State.RUNNING and later.way != Way.SYNC and not isinstance(error, LimitReached):
            log.info("call %s: %s was given up: %s", later.id, later.way, error)
            later, at = replace(later, given_up=(*later.given_up, later.way)), now
        if at is None:
            await self._end(later, worded(error, later))
        else:
            await self._shelf.put(replace(later, state=State.WAITING, lane=""), before=later.state, due=at)

    async def _end(self, later: Later, answer: Answer, batch: str | None = None) -> None:
        now = self._clock()
        state = State.DONE if answer.status < 400 else State.FAILED
        headers = {name: as_text(value) for name, value in answer.headers.items()}
        ended = replace(later, state=state, status=answer.status, answer_headers=headers, ended=now, lane="")
        until = now + self._keep_s
        if await self._shelf.put(ended, before=later.state, answer=answer.body, until=until, batch=batch):
            self._ended(later.way, state)


def _again(later: Later, **changes: Any) -> Later:
    """It is asked once more: under another name in the books."""
    return replace(later, state=State.RUNNING, runs=later.runs + 1, **changes)
