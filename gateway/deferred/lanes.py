"""Which calls go into one batch, and looking after it until its cost is in the books.

Those share a batch that go to one deployment, speak one dialect, are of one team, say the same in their headers, and
have about as much time: so that giving it up for the first of them takes little from the others.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from gateway.core.errors import GatewayError, Unavailable
from gateway.deferred.asking import Asking
from gateway.deferred.choosing import Offer, Way
from gateway.deferred.offers import Offered, Offering
from gateway.deferred.record import Later, Place, State
from gateway.deferred.sending import Member, Sending
from gateway.deferred.settling import Found, Give, Settling
from gateway.deferred.shelf import NotKept, Shelf, surely
from gateway.journey.batches.desk import GIVEN_UP_S
from gateway.journey.carriage import home
from gateway.journey.option import Option

CALLS_MAX, BYTES_MAX = 5_000, 64 << 20
"""Of one batch. OpenAI takes 50,000 calls and 200 MB, Anthropic 100,000 and 256 MB."""

FIRST_POLL_S, POLL_S_MAX = 1.0, 60.0
"""The provider is asked after a second, then after twice as long each time."""

SEND_S_MIN = 2.0
"""A call with less time before it must be asked at once joins no batch: it would hurry the sending of all others."""

log = logging.getLogger("fareway.deferred")


@dataclass(slots=True)
class Poll:
    """When a batch is asked about next."""

    one: Later  # Of its calls.
    at: float
    wait_s: float = FIRST_POLL_S


class Lanes:
    """See the module."""

    def __init__(
        self,
        shelf: Shelf,
        asking: Asking,
        offering: Offering,
        sending: Sending,
        settling: Settling,
        *,
        clock: Callable[[], float],
        collect_s: float,
    ) -> None:
        self._shelf = shelf
        self._asking = asking
        self._offering = offering
        self._outgoing = sending
        self._settling = settling
        self._clock = clock
        self._collect_s = collect_s  # For which a call waits for others.
        self._polls: dict[str, Poll] = {}
        self._full: set[str] = set()
        self._sending: set[str] = set()

    async def resume(self) -> None:
        """The batches of an earlier process."""
        for later in await self._shelf.batches():
            assert later.place is not None
            self._polls[later.place.batch] = Poll(later, self._clock())

    async def gather(self, later: Later, offered: Offered, offer: Offer) -> None:
        """Let it wait for others, unless it has done so long enough."""
        lane, now = _lane(later, offered, offer), self._clock()
        if lane in self._sending:
            return
        since = later.laned if later.lane == lane else now
        if since + self._collect_s <= now and later.lane == lane:
            self._full.add(lane)
            return
        waiting, due = replace(later, lane=lane, laned=since), since + self._collect_s
        await self._shelf.put(waiting, before=State.WAITING, due=min(due, later.switch_at))

    def full(self) -> list[str]:
        """What is to be sent, once all that is due has had its turn to join."""
        full = [*self._full]
        self._sending |= self._full
        self._full.clear()
        return full

    async def send(self, lane: str) -> list[tuple[Later, GatewayError]]:
        """Send what waits there as one batch. Returns what did not leave, and why."""
        try:
            members, failed = await self._claimed(lane)
        finally:
            self._sending.discard(lane)
        if not members:
            return failed
        try:
            patience_s = min(member.later.switch_at for member in members) - self._clock()
            refused = await self._outgoing.send(members, self._keep, patience_s)
        except GatewayError as error:
            return failed + [(member.later, error) for member in members]
        except Exception:
            log.exception("unhandled error in a batch of calls for later")
            return failed + [(m.later, GatewayError("Something went wrong in the gateway.")) for m in members]
        return failed + [(member.later, refused[member.later.id]) for member in members if member.later.id in refused]

    async def _claimed(self, lane: str) -> tuple[list[Member], list[tuple[Later, GatewayError]]]:
        members: list[Member] = []
        failed: list[tuple[Later, GatewayError]] = []
        room = BYTES_MAX
        for later in await self._shelf.of_lane(lane, CALLS_MAX):
            if later.switch_at - self._clock() < SEND_S_MIN:
                continue  # It is due to be asked at once, and must not hurry the others.
            running = replace(later, state=State.RUNNING, runs=later.runs + 1, lane="")
            try:
                body = await self._shelf.body(later.id)
                room -= len(body)
                if room < 0 and members:
                    break
                if not await self._shelf.put(running, before=State.WAITING):
                    continue  # It was cancelled.
            except NotKept:  # What was taken out leaves; the others wait for the disk.
                break
            try:
                call = self._asking.call(running, body)
                offered = await self._offering.of(call, self._asking.key(running))
                option, question = _option(lane, offered), offered.question
                asked, dropped = home(question.dialect.name, question.asked, option.deployment.model)
                members.append(Member(running, offered, option, running.reason, asked, dropped))
            except GatewayError as error:
                failed.append((running, error))
        return members, failed

    async def _keep(self, calls: list[tuple[Later, Place]]) -> None:
        """The batch runs: there is no way back."""
        for later, place in calls:
            kept = replace(later, place=place)
            await surely(self._shelf.put, kept, before=State.RUNNING, due=later.switch_at, batch=place.batch)
        later, place = calls[0]
        self._polls[place.batch] = Poll(replace(later, place=place), self._clock() + FIRST_POLL_S)

    def due(self, now: float) -> list[str]:
        """Batches to be asked about."""
        return [name for name, poll in self._polls.items() if poll.at <= now]

    async def collect(self, batch: str, give: Give) -> None:
        """Give what a batch has come to, once it has ended: the books know it then. Raises NotKept."""
        poll = self._polls.get(batch)
        if poll is None:
            return
        poll.at, poll.wait_s = self._clock() + poll.wait_s, min(POLL_S_MAX, 2 * poll.wait_s)
        try:
            assert poll.one.place is not None
            status = await self._settling.status(poll.one.place, poll.one.dialect)
            if status is not None and status.ended:
                if calls := await self._shelf.in_batch(batch):
                    await self._settling.collect(calls, status, give)
                await self._forget(batch)
        except NotKept:
            raise
        except GatewayError as error:
            log.warning("batch %s cannot be settled yet: %s", batch, error)
        if self._clock() - poll.one.accepted > GIVEN_UP_S and batch in self._polls:
            log.error("batch %s is given up: its calls stay charged at the most that they can have cost", batch)
            for later in await self._shelf.in_batch(batch):
                await give(Found(later, None))
            await self._forget(batch)

    async def _forget(self, batch: str) -> None:
        """What was found is written down: nothing is left to ask, unless something was not found."""
        if not await self._shelf.in_batch(batch):
            self._polls.pop(batch, None)

    async def cancel(self, later: Later) -> None:
        """Its batch is not waited for any more."""
        assert later.place is not None
        with suppress(GatewayError):  # It may have ended meanwhile; else it is charged for all that it does.
            await self._settling.cancel(later.place, later.dialect)


def _option(lane: str, offered: Offered) -> Option:
    """Where the batch goes. Raises Unavailable where the call would not go into it any more."""
    name = lane.partition(" ")[0]
    if not any(offer.way is Way.BATCH and offer.name == name for offer in offered.offers):
        raise Unavailable("The batch is not offered any more.")
    return offered.option(name)


def _lane(later: Later, offered: Offered, offer: Offer) -> str:
    """Begins with the deployment. Calls without a team go with those of their own key."""
    caller, time_s = later.caller, later.deadline - later.accepted
    group = (later.dialect, caller.org, caller.team or caller.key_id, int(time_s).bit_length())
    said = msgspec.json.encode((group, offered.question.headers), order="sorted")
    return f"{offer.name} {hashlib.sha256(said).hexdigest()[:24]}"
