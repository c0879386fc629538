"""Walking the plan until a provider answers: fallback before the first byte, and a few patient repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.core.entry import Outcome
from gateway.core.errors import GatewayError, LimitReached, Unavailable, UpstreamError
from gateway.core.limit import Fare, HoldMode
from gateway.core.price import Cost
from gateway.core.request import Request
from gateway.dialects.base import Dialect
from gateway.journey.booking import Booking
from gateway.journey.routing import OUTPUT_TOKENS_GUESS, Chosen, Option
from gateway.upstream.health import Health
from gateway.upstream.retry import REFUSED_US, RetryBudget, retry_after_s, says_next, wait_s
from gateway.upstream.wire import Answer, Lost, Unreached, Wire


class ProviderRefused(UpstreamError):
    """The provider's own error, to be passed on as it is."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"the provider answered with status {status}")
        self.status = status
        self.headers = headers
        self.body = body


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, whoever it goes to."""

    request: Request
    dialect: Dialect
    body: bytes
    headers: Mapping[str, str]  # Of the caller, as far as they travel.
    hold_mode: HoldMode

    def output_first(self, option: Option) -> int:
        """Output tokens that the hold of a stream begins with."""
        if self.hold_mode is HoldMode.STRICT:
            return option.output_max
        return min(option.output_max, max(OUTPUT_TOKENS_GUESS, 2 * option.output_guess))

    def fare(self, option: Option) -> tuple[Fare, Cost]:
        """What to set aside at first, and the cost to book should we die in between.

        A call that is not streamed cannot be stopped half-way, so its money is held in full. Its tokens are
        not: a limit on tokens paces callers, and few of them set a cap.
        """
        first = self.output_first(option)
        money = first if self.request.facts.stream else option.output_max
        return option.worst(self.request, money, count=first)


class Asking:
    """Asks providers. `rounds`: how often to go through the plan again when all of it failed."""

    def __init__(
        self, wire: Wire, health: Health, retries: RetryBudget, rounds: int, clock: Callable[[], float]
    ) -> None:
        self._wire = wire
        self._health = health
        self._retries = retries
        self._rounds = rounds
        self._clock = clock

    @asynccontextmanager
    async def answer(
        self, question: Question, chosen: Chosen, booking: Booking
    ) -> AsyncIterator[tuple[Option, Answer]]:
        """The first good answer, open. The booking has begun for the first choice already.

        Raises ProviderRefused with the provider's last word, or the error of the last attempt.
        """
        option, answer = await self._first(question, chosen, booking)
        try:
            yield option, answer
        finally:
            answer.close()
            self._health.of(option.candidate.name).leave()

    async def _first(self, question: Question, chosen: Chosen, booking: Booking) -> tuple[Option, Answer]:
        self._retries.called()
        begun = True
        failure: GatewayError | None = None
        for done in range(1, self._rounds + 2):
            asked_s: float | None = None
            for option in chosen.plan:
                try:
                    if not begun:
                        await self._begin(question, chosen, booking, option)
                    begun = False
                    return option, await self._try(question, booking, option)
                except ProviderRefused as error:
                    if not says_next(error.status):
                        raise
                    failure, asked_s = error, retry_after_s(error.headers, self._clock())
                except UpstreamError as error:
                    failure = error
                except (LimitReached, Unavailable) as error:  # What a provider said tells the caller more.
                    failure = failure or error
            wait = wait_s(done, asked_s) if done <= self._rounds else None
            if wait is None or not self._retries.take():
                break
            await asyncio.sleep(wait)
        assert failure is not None, "a plan is never empty"
        raise _for_caller(failure)

    async def _begin(self, question: Question, chosen: Chosen, booking: Booking, option: Option) -> None:
        if not self._health.of(option.candidate.name).working(self._clock()):
            raise Unavailable(f"{option.candidate.name} is left alone after failing repeatedly.")
        fare, worst = question.fare(option)
        await booking.begin(option, chosen.reason, fare, worst)

    async def _try(self, question: Question, booking: Booking, option: Option) -> Answer:
        """One attempt: an answer whose status is good, with its deployment marked busy."""
        name, provider = option.candidate.name, option.deployment.provider
        vitals = self._health.of(name)
        body = question.dialect.aim(question.body, option.deployment.model, question.request.facts)
        headers = {
            **question.headers,
            **provider.headers,
            **provider.authorization(),
            "x-fareway-request-id": question.request.id,
        }
        vitals.begin(self._clock())
        try:
            return await self._good_answer(provider.base_url + question.dialect.path, headers, body)
        except BaseException as error:
            vitals.leave()
            self._note(booking, name, error)
            raise

    async def _good_answer(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises ProviderRefused for any other, and what the wire raises."""
        answer = await self._wire.post(url, headers, body)
        if answer.status < 400:
            return answer
        raise await _refusal(answer)

    def _note(self, booking: Booking, name: str, error: BaseException) -> None:
        """What the failed attempt means for the books and for the deployment's health."""
        if isinstance(error, ProviderRefused):
            booking.void(f"{name}: status {error.status}")
            if says_next(error.status):
                self._health.failed(name, self._clock())
        elif isinstance(error, Unreached):
            booking.void(f"{name}: not reached")
            self._health.failed(name, self._clock())
        elif isinstance(error, Lost):
            booking.tried.append(f"{name}: {error}")
            booking.settle_in_full(Outcome.FAILED, error.status)
            self._health.failed(name, self._clock())


async def _refusal(answer: Answer) -> ProviderRefused:
    """The provider's error, read whole. A status of 400 or more is never charged for."""
    async with answer:
        try:
            body = await answer.read()
        except Lost:
            body = b""
        return ProviderRefused(answer.status, answer.headers, body)


def _for_caller(failure: GatewayError) -> GatewayError:
    """What the caller may see: not that our key or account at the provider was refused."""
    if isinstance(failure, ProviderRefused) and failure.status in REFUSED_US:
        return UpstreamError("The provider refused the gateway's own credentials or account.")
    return failure
