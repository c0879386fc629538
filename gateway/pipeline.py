"""The journey of one call, top to bottom. Start reading here.

    1 who asks?   2 what?   3 how big?   4 answered before?   5 where could it go?   6 which is best?
    7 set the fare aside   8 ask, and pass the answer on   9 settle   10 tell

The whole life of a call is inside `serve`, so that leaving it, however that happens, closes the books. Calls whose
answers may come later enter at `answer`; what a hedge outran is booked in a task of its own (`LeftBehind`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.cache.flights import Flight
from gateway.core.caller import Key
from gateway.core.entry import Entry, Outcome
from gateway.core.limit import Mode
from gateway.core.request import Request
from gateway.deferred.deadline import DEADLINE
from gateway.deferred.taking import Taking
from gateway.journey.again import Asker
from gateway.journey.answered import Answered
from gateway.journey.booking import Booking
from gateway.journey.books import Books
from gateway.journey.carriage import headers_of
from gateway.journey.cascade.climbing import Climb
from gateway.journey.counting import HEADERS, counted_here
from gateway.journey.detour import Detour
from gateway.journey.draft import Trip
from gateway.journey.hedging import Hedging
from gateway.journey.option import Chosen
from gateway.journey.passage import Client, Passage
from gateway.journey.question import Question
from gateway.journey.receipt import Receipt
from gateway.journey.relay import pass_on
from gateway.journey.routing import Router
from gateway.journey.setting_aside import SettingAside
from gateway.journey.shape import shape_of
from gateway.journey.understanding import Call, understood
from gateway.limits.accounts import Account
from gateway.telemetry.metrics import Metrics
from gateway.tenants import Tenants, tagged
from gateway.tokens import Tokens
from gateway.tokens.calibration import Calibration
from gateway.upstream.answer import Answer
from gateway.upstream.headers import for_caller


@dataclass(slots=True)
class Leg:
    """A call that was held for, from here on."""

    call: Call
    key: Key
    question: Question
    booking: Booking
    left: float  # On the monotonic clock, in seconds, less what it waited in line.
    around: dict[str, str]  # What the caller is told of limits.
    cached: bool  # It may be answered from the cache the next time.


@dataclass(frozen=True)
class Pipeline:
    """The steps, joined by `app`."""

    tenants: Tenants
    router: Router
    tokens: Tokens
    calibration: Calibration
    answered: Answered
    books: Books
    setting_aside: SettingAside
    asking: Hedging
    taking: Taking  # Calls whose answers may come later.
    metrics: Metrics
    clock: Callable[[], float]  # Unix seconds.
    monotonic: Callable[[], float]  # For durations.

    async def serve(self, call: Call, client: Client) -> None:
        """Answer the call. Raises GatewayError for what the caller must be told instead of an answer."""
        # 1. Who asks?
        key = tagged(self.tenants.identify(call.headers, self.clock(), client.origin), call.headers)
        if (DEADLINE in call.headers or key.deadline_s is not None) and await self.taking.take(call, key, client):
            return
        await self.answer(call, key, client)

    async def answer(self, call: Call, key: Key, client: Client) -> None:
        """The same for a key that was identified, now."""
        # 2. What is asked?  3. How big is it, at most?
        question = self._understand(call, key)
        if question.request.facts.free and not self.router.speaks(question.request):
            told = HEADERS | {"x-fareway-request-id": call.id}
            await client.respond(200, told, await counted_here(question, self.tokens, self.router))
            return

        # 4. Answered before? Then nothing is asked, held or paid.
        async with self.answered.looking(call.headers, key, question) as (found, flight):
            if found is not None:
                await self.answered.give(found, self._asker(call, key, question), client)
                return

            with Booking(self.books, _trip(call, key, question.request), _ceiling(question), flight) as booking:
                # 5. Where could it go?  6. Which is best?  7. Set its fare aside.
                question, chosen = await self.setting_aside.find(booking, key, question, call.headers, client)
                detour = question.detour
                left = self.monotonic() - (0.0 if detour is None else detour.waited_s)
                around = _around(detour, booking.passed) if detour is not None or booking.passed else {}
                # What is not what was asked for is given to nobody else.
                feeds = None if detour is not None and detour.changes_the_answer else flight
                if feeds is None or not feeds.kept:
                    booking.expect_caller = partial(_expect, client, stops=question.stops_when_left(chosen))
                booking.expect_caller()

                # 8. Ask, and pass the answer on.  9. It is settled on the way, and 10. told by its entry.
                leg = Leg(call, key, question, booking, left, around, cached=flight is not None and flight.cached)
                if chosen.cascade is None:
                    await self._ask_and_pass_on(leg, chosen, client, feeds)
                else:
                    answer = partial(self._ask_and_pass_on, leg)
                    await Climb(question, chosen, booking, answer, client, feeds).run(chosen.cascade)

    async def _ask_and_pass_on(
        self, leg: Leg, chosen: Chosen, client: Client, feeds: Flight | None, *, patient: bool = True
    ) -> None:
        with await self.asking.ask(leg.question, chosen, leg.booking, patient=patient) as attempt:

            def headers(entry: Entry, answer: Answer, received: float) -> dict[str, str]:
                told = self._headers(leg, entry, answer, upstream_s=received - leg.left)
                told |= headers_of(attempt.option.carried, attempt.dropped, answer.headers)
                return told | leg.around | (chosen.told or {}) if leg.around or chosen.told else told

            passage = Passage(
                question=leg.question,
                option=attempt.option,
                answer=attempt.answer,
                booking=leg.booking,
                client=client,
                headers=headers,
                flight=feeds,
                tokens=self.tokens,
                monotonic=self.monotonic,
                prompt=attempt.prompt,
                visit=attempt.visit,
                begun=attempt.begun,
            )
            await pass_on(passage)
        self._learn(leg.question, leg.booking.entry)

    def _understand(self, call: Call, key: Key) -> Question:
        mode = self.books.limits.chain(key.caller).hold_mode
        return understood(call, key, self.router, mode)

    def _learn(self, question: Question, entry: Entry | None) -> None:
        """What the provider counted tells what the next call like this may come to."""
        if entry is None or entry.outcome is not Outcome.OK or not entry.usage.final:
            return
        usage, bound, name = entry.usage, question.request.input_tokens, f"{entry.provider}/{entry.model}"
        if usage.output_total and (question.detour is None or question.detour.fitted is None):
            self.router.outputs.learn(question.request.key_id, name, usage.output_total)
        if usage.extras is not None or usage.input_tool:  # What searches found was in the input, too.
            return
        actual = usage.input_total if usage.prompt is None else usage.prompt
        if actual > bound:
            self.metrics.count("fareway_token_bound_exceeded")
        if not question.request.facts.defined:  # What a provider says of its own tools, no size tells.
            self.calibration.learn(question.size, name, actual, bound=bound)

    def _headers(self, leg: Leg, entry: Entry, answer: Answer, *, upstream_s: float) -> dict[str, str]:
        """What the caller is told: the provider's own headers, and the receipt."""
        overhead_s = max(0.0, self.monotonic() - leg.call.arrived - upstream_s)
        self.metrics.overhead.observe(overhead_s)
        remaining = self.books.limits.remaining_now(leg.key.caller)
        cache = "miss" if leg.cached else "off"
        return for_caller(answer.headers) | Receipt(entry, cache, overhead_s * 1000, remaining).headers()

    def _asker(self, call: Call, key: Key, question: Question) -> Asker:
        return Asker(call.id, key, question, lambda: (self.monotonic() - call.arrived) * 1000)


def _expect(client: Client, *, stops: bool) -> None:
    """Raise ConnectionError where the caller has left. `stops`: from here on its leaving ends the call at once."""
    client.may_leave()
    if not stops:
        client.stays()


def _trip(call: Call, key: Key, request: Request) -> Trip:
    facts = request.facts
    return Trip(call.id, key.caller, facts.model, facts.stream, facts.session or "", shape_of(request))


def _around(detour: Detour | None, passed: tuple[Account, ...]) -> dict[str, str]:
    """What the caller is told of limits that the call has gone around, or would have if they were hard."""
    told = {} if detour is None else detour.headers
    soft = [account.node for account in passed if account.limit.mode is Mode.SOFT]
    return told | {"x-fareway-limit-soft": ", ".join(soft)} if soft else told


def _ceiling(question: Question) -> Account | None:
    return None if question.ceiling is None else Account.ceiling(question.ceiling)
