"""Taking a call whose answer may come later: checked as if it were asked now, and kept before its caller is told so."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from gateway.cache.exact import fingerprint
from gateway.core.caller import Key
from gateway.core.errors import BadRequest, BodyTooLarge, IdempotencyKeyReused, LimitReached
from gateway.core.limit import Fare, Then
from gateway.deferred.deadline import DEADLINE, kept_asked, kept_headers, told_at, wanted_s
from gateway.deferred.offers import Offered, Offering
from gateway.deferred.record import PREFIX, Later
from gateway.deferred.shelf import Full, Shelf
from gateway.deferred.shown import told
from gateway.journey.idempotency import HEADER, idempotency_key
from gateway.journey.option import Option
from gateway.journey.passage import Client
from gateway.journey.question import Question
from gateway.journey.understanding import Call
from gateway.limits.accounts import Account
from gateway.limits.chain import Limits
from gateway.limits.holds import Refused

BODY_BYTES_MAX = 8 << 20
"""Of a call that is kept. Pictures and documents fit; a film does not."""


class TooManyWait(BadRequest):
    """The key has as many calls waiting as it may."""

    status = 429
    code = "too_many_waiting"
    retry_after_s = 60


@dataclass(frozen=True)
class Taking:
    """See the module."""

    shelf: Shelf
    limits: Limits
    offering: Offering
    home: str  # Whose the shelf is.
    most: int  # Calls of one key that may wait; 0 where none is taken.
    private: bool  # Whether webhooks may be at addresses that are not public.
    clock: Callable[[], float]
    taken: Callable[[], None]  # Hears of each.

    async def take(self, call: Call, key: Key, client: Client) -> bool:
        """Whether this call has time: then its caller has been told that it waits. Raises GatewayErrors that say why it
        cannot."""
        wanted = wanted_s(call.headers, key)
        if wanted is None:
            return False
        question = self.offering.question(call, key)
        facts = question.request.facts
        if facts.free:
            return False
        if facts.stream:
            raise BadRequest(f"A stream is answered now: leave out stream, or send {DEADLINE}: none.", "stream")
        if not self.most:
            raise BadRequest("This gateway keeps no calls for later.", DEADLINE)
        if len(call.asked.body) > BODY_BYTES_MAX:
            raise BodyTooLarge(f"A call with a deadline may have {BODY_BYTES_MAX} bytes.")
        idem, now = idempotency_key(call.headers), self.clock()
        later = Later(
            id=f"{PREFIX}{self.home}_{secrets.token_hex(8)}",
            caller=key.caller,
            dialect=call.dialect.name,
            model=facts.model,
            asked=kept_asked(call.asked),
            headers=kept_headers(call.headers),
            accepted=now,
            deadline=now + wanted,
            digest="" if idem is None else fingerprint(key.id, call.dialect.name, call.asked).hex(),
            webhook=told_at(call.headers, key, private=self.private),
        )
        kept = None if idem is None else await self.shelf.by_key(key.id, idem)
        if kept is None:
            await self._payable(await self.offering.of_question(question, key), key)
            kept = await self._kept(later, call.asked.body, idem)
        if kept.digest != later.digest:
            raise IdempotencyKeyReused("This Idempotency-Key came with another call.", HEADER)
        await self._tell(client, kept)
        self.taken()
        return True

    async def _payable(self, offered: Offered, key: Key) -> None:
        """Raise LimitReached where it could not be paid now. Nothing stays held: it is held for when it leaves. Limits
        on other things than money pace it then; one that knows another way is asked again then."""
        question = offered.question
        option, fare = first_fare(question, offered.chosen.plan)
        own = None if question.ceiling is None else Account.ceiling(question.ceiling)
        money = Fare(fare.nanos, requests=0, concurrent=0)
        try:
            hold = await self.limits.hold(key.caller, money, own, option.candidate.place)
        except LimitReached as refused:
            if isinstance(refused, Refused) and refused.account.limit.on_reached.then is not Then.REFUSE:
                return
            raise
        hold.void()

    async def _kept(self, later: Later, body: bytes, idem: str | None) -> Later:
        try:
            return await self.shelf.add(later, body, idem, self.most)
        except Full:
            raise TooManyWait(f"{self.most} calls of this key wait already.", DEADLINE) from None

    async def _tell(self, client: Client, later: Later) -> None:
        where = f"/v1/requests/{later.id}"
        head = {"Content-Type": "application/json", "Location": where, "x-fareway-request-id": later.id}
        await client.respond(202, head, msgspec.json.encode(told(later) | {"url": where}))


def first_fare(question: Question, plan: tuple[Option, ...]) -> tuple[Option, Fare]:
    """Where `hold_for_first` would begin, and what it would hold. Raises BadRequest where nowhere."""
    for option in plan[:-1]:
        with suppress(BadRequest):
            return option, question.fare(option)[0]
    return plan[-1], question.fare(plan[-1])[0]
