"""What becomes of a call that a limit would refuse: its limit, or the caller, may know another way.

downgrade    decided once more, among the models of a tier
fit          allowed only so much output as what is left can pay for
queue        tried again whenever there may be room, in its turn
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from gateway.core.caller import Key
from gateway.core.errors import BadRequest, LimitReached, Reason, UnknownModel
from gateway.core.limit import OnReached, Then, Unit
from gateway.dialects.caps import capped
from gateway.journey.booking import Booking
from gateway.journey.counting import input_tokens
from gateway.journey.detour import Detour
from gateway.journey.fit import output_that_fits
from gateway.journey.option import Chosen
from gateway.journey.passage import Client
from gateway.journey.question import Question, proven
from gateway.journey.routing import Router
from gateway.limits.chain import REACHES, Limits
from gateway.limits.holds import Refused
from gateway.tokens import Tokens

FIT = "x-fareway-fit"
"""The header by which a caller allows its answer to be cut short, whatever its limits say."""


async def counted(question: Question, tokens: Tokens, router: Router) -> Question:
    """The same question with its input counted, where that is less than its bound: exactly, or never too little."""
    request = question.request
    exact = await input_tokens(question, tokens, router.models(request.facts), proof=True)
    request = replace(request, input_tokens=min(exact, request.input_tokens), input_exact=True)
    return replace(question, request=request)


@dataclass(slots=True)
class Stuck:
    """A call that was refused, on its way around."""

    question: Question
    key: Key
    booking: Booking
    client: Client
    fit_allowed: bool
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    fits: int = 0  # How often its output was cut.

    def leave_line(self, *, served: bool = False) -> None:
        """Give up its place, if it has one."""
        spot, self.booking.spot = self.booking.spot, None
        if spot is not None:
            spot.leave(served=served)


class Detours:
    """Finds the other ways."""

    def __init__(self, limits: Limits, router: Router, tokens: Tokens) -> None:
        self._limits = limits
        self._router = router
        self._tokens = tokens

    async def find(
        self, refused: LimitReached, stuck: Stuck, hold: Callable[[Question], Awaitable[Chosen]]
    ) -> tuple[Question, Chosen]:
        """Go around the limit that refused, and the next, until the call can be held for. Raises LimitReached where
        there is no other way."""
        try:
            while True:
                stuck.question = await self._around(refused, stuck)
                try:
                    chosen = await hold(stuck.question)
                except LimitReached as again:
                    refused = again
                else:
                    stuck.leave_line(served=True)
                    return stuck.question, chosen
        finally:
            stuck.leave_line()

    async def _around(self, refused: LimitReached, stuck: Stuck) -> Question:
        """The question to try next. Raises the refusal if there is none."""
        way = refused.account.limit.on_reached if isinstance(refused, Refused) else OnReached()
        if way.then is Then.QUEUE and isinstance(refused, Refused) and await self._room_may_come(refused, stuck):
            return stuck.question
        stuck.leave_line()
        other = None
        if way.then is Then.DOWNGRADE and not _tier(stuck.question):
            other = await self._downgraded(refused, stuck)
        if other is None and (way.then is Then.FIT or stuck.fit_allowed):
            other = await self._fitted(refused, stuck)
        if other is None:
            raise refused
        return other

    async def _downgraded(self, refused: LimitReached, stuck: Stuck) -> Question | None:
        """The same asked of a tier; None if nobody there speaks its dialect, or the key may use none of them."""
        assert isinstance(refused, Refused)
        question, tier, key = stuck.question, refused.account.limit.on_reached.tier, stuck.key
        facts = replace(question.request.facts, model=tier, unseen=question.dialect.read(question.asked).unseen)
        request = replace(question.request, facts=facts)
        try:
            allowed = self._router.members(tier, lambda names: any(map(key.may_use, (tier, *names))))
            facts = replace(facts, unseen=self._router.unseen(request, question.carrier))
            bound = self._router.bound(facts, question.size, proven=proven(facts, question.hold_mode, question.ceiling))
            request = replace(request, facts=facts, input_tokens=bound, input_exact=False)
            options = self._router.options(request, question.size, question.carrier)
        except (UnknownModel, BadRequest):
            return None
        among = frozenset(o.candidate.name for o in options) & allowed
        if not among:
            return None
        reason = f"downgraded to {tier}, for {refused.refusal.node} has not enough left"
        detour = replace(question.detour or Detour(), reason=reason, tier=tier, among=among)
        other = replace(question, request=request, detour=detour)
        return await counted(other, self._tokens, self._router) if question.request.input_exact else other

    async def _fitted(self, refused: LimitReached, stuck: Stuck) -> Question | None:
        """The same with less output; None if that is not what it lacks. At first as much as is left anywhere, at last
        as much as is left here."""
        question, refusal = stuck.question, refused.refusal
        if refusal.unit not in (Unit.USD, Unit.TOKENS, Unit.OUTPUT_TOKENS) or stuck.fits == len(REACHES):
            return None
        if capped(question.dialect.name, question.asked.body, 1) is None:
            return None
        if not (question.request.input_exact or question.request.facts.unseen):
            question = await counted(question, self._tokens, self._router)
        room, reach = await stuck.booking.room(), REACHES[stuck.fits]
        stuck.fits += 1
        cap = output_that_fits(question, question.options(self._router), lambda fare: room.covers(fare, reach))
        if cap is None:
            return None
        fitted = f"cut down to {cap} tokens of output, for which {refusal.node} has enough left"
        tier = _tier(question)
        reason = f"downgraded to {tier}, and {fitted}" if tier else fitted
        detour = replace(question.detour or Detour(), fitted=cap, reason=reason)
        facts = replace(question.request.facts, output_tokens_max=cap)
        return replace(question, request=replace(question.request, facts=facts), detour=detour)

    async def _room_may_come(self, refused: Refused, stuck: Stuck) -> bool:
        """Wait in the line of this limit until there may be room. False where waiting does not help, or no longer."""
        line, wait_s = refused.account.line, refused.account.limit.on_reached.wait_s
        assert line is not None, "a limit that lets wait has a line"
        until = stuck.began + wait_s
        left_s = until - asyncio.get_running_loop().time()
        if not _worth_waiting(refused, left_s):
            return False
        if stuck.booking.spot is None or stuck.booking.spot.line is not line:
            stuck.leave_line()
            stuck.booking.spot = line.join(stuck.key.id)
        if stuck.booking.spot is None:
            return False
        if stuck.booking.flight is not None:
            stuck.booking.flight.stand_in_line()
        stuck.client.may_leave()
        try:
            await self._limits.wait(refused, stuck.booking.spot, until)
        except TimeoutError:
            return False
        finally:
            stuck.client.stays()
        waited_s = asyncio.get_running_loop().time() - stuck.began
        detour = replace(stuck.question.detour or Detour(), waited_s=waited_s)
        stuck.question = replace(stuck.question, detour=detour)
        return True


def fit_allowed(headers: Mapping[str, str]) -> bool:
    """What `x-fareway-fit` says. Raises BadRequest."""
    word = headers.get(FIT)
    if word not in (None, "allow"):
        raise BadRequest(f"{FIT} must be allow, or not there", FIT)
    return word == "allow"


def _tier(question: Question) -> str:
    return "" if question.detour is None else question.detour.tier


def _worth_waiting(refused: Refused, left_s: float) -> bool:
    """Calls in flight hold the rest, or the window ends before the call gives up."""
    refusal = refused.refusal
    rolls = refusal.resets_in_s is not None and refusal.resets_in_s < left_s
    return left_s > 0 and (refusal.reason is Reason.HELD or (refusal.reason is Reason.EXHAUSTED and rolls))
