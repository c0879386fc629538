"""Where a call goes, and its fare set aside: decided, held for, and decided once more where that is refused.

    as it is ─▶ counted, where the rough bound was too much ─▶ patiently: others may give back ─▶ around the limit

Each way is tried only if the one before it was refused, and only where it could help.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from msgspec.structs import replace

from gateway.core.caller import Key
from gateway.core.errors import BadRequest, GatewayError, LimitReached
from gateway.core.limit import Unit
from gateway.core.money import ZERO
from gateway.core.route import Signal
from gateway.journey.booking import Booking
from gateway.journey.option import Chosen
from gateway.journey.passage import Client
from gateway.journey.question import Question
from gateway.journey.reached import Detours, Stuck, counted, fit_allowed
from gateway.journey.routing import Router
from gateway.limits.chain import Limits
from gateway.limits.holds import may_come_back
from gateway.telemetry.metrics import Metrics
from gateway.tokens import Tokens

COUNTED = (Unit.USD, Unit.TOKENS, Unit.INPUT_TOKENS)
"""Limits that fewer tokens of input may leave room on."""


@dataclass(frozen=True, slots=True)
class SettingAside:
    """See the module. `refuse_unpriced`: whether a hard budget refuses a model without a price."""

    limits: Limits
    router: Router
    tokens: Tokens
    metrics: Metrics
    refuse_unpriced: bool

    async def find(
        self, booking: Booking, key: Key, question: Question, headers: Mapping[str, str], client: Client
    ) -> tuple[Question, Chosen]:
        """The plan whose first place is held for, and the question as it is asked there. Raises GatewayError where
        there is none."""
        may_fit = fit_allowed(headers)
        try:
            return question, await self._decide_and_hold(booking, key, question, patient=False)
        except LimitReached as error:
            refused = error
        countable = await self._may_fit_if_counted(refused.refusal.unit, key, question)
        if countable:
            question = await counted(question, self.tokens, self.router)
        if countable or may_come_back(refused):
            try:
                return question, await self._decide_and_hold(booking, key, question)
            except LimitReached as error:
                refused = error
        stuck = Stuck(question, key, booking, client, may_fit)
        detours = Detours(self.limits, self.router, self.tokens)
        return await detours.find(refused, stuck, partial(self._decide_and_hold, booking, key))

    async def _may_fit_if_counted(self, unit: str, key: Key, question: Question) -> bool:
        """Whether an exact count of the input could help: not where what may come out costs too much already."""
        if question.request.facts.unseen or unit not in COUNTED:
            return False
        left = question.affordable(await self.limits.attainable(key.caller))
        if left == ZERO:
            return False
        if unit != Unit.USD or left is None:
            return True
        nothing_in = replace(question, request=replace(question.request, input_tokens=0))
        return any(nothing_in.worst(option)[1].known <= left for option in nothing_in.options(self.router))

    async def _decide_and_hold(self, booking: Booking, key: Key, question: Question, *, patient: bool = True) -> Chosen:
        chosen = await self.decide(key, question)
        booking.decided = chosen.decided
        if question.detour is not None:
            chosen = question.detour.told(chosen)
        chosen = await hold_for_first(booking, question, chosen, patient=patient)
        self.router.held(chosen)
        for account in booking.passed:
            self.metrics.count("fareway_limit_passed", account.limit.id, account.limit.mode)
        return chosen

    async def decide(self, key: Key, question: Question) -> Chosen:
        """The policy's plan; nothing is held for it. Raises GatewayError where there is none."""
        limits = self.limits
        remaining = question.affordable(await limits.remaining(key.caller))
        guarded = limits.chain(key.caller).guards_money or question.ceiling is not None
        reads = self.router.reads(question.request.facts)
        return self.router.choose(
            question.request,
            question.options(self.router),
            remaining,
            needs_price=self.refuse_unpriced and guarded,
            burn=limits.burn(key.caller) if reads and Signal.BURN in reads else None,
            prefix=question.prefix,
        )


async def hold_for_first(booking: Booking, question: Question, chosen: Chosen, *, patient: bool) -> Chosen:
    """Hold for the first of the plan that no limit on places keeps out, and where the call could not cost more than any
    may: those before it are left out. Raises LimitReached, Unavailable, or BadRequest if it is all that is said."""
    refused: GatewayError | None = None
    for number, option in enumerate(chosen.plan):
        try:
            fare, worst = question.fare(option)
            await booking.begin(option, chosen.reason, fare, worst, patient=patient)
        except BadRequest as error:
            refused = refused or error
        except LimitReached as error:
            if not error.refusal.elsewhere:
                raise
            refused = error
        else:
            return chosen if number == 0 else chosen.without_first(number)
    assert refused is not None, "a plan is never empty"
    raise refused
