"""Walking the plan until a provider answers: fallback before the first byte, and a few patient repeats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Protocol, Self

from gateway.core.entry import Entry, Outcome
from gateway.core.errors import BadRequest, GatewayError, LimitReached, Unavailable, UpstreamError
from gateway.journey.booking import Booking
from gateway.journey.option import Chosen, Option
from gateway.journey.question import Question, Said
from gateway.journey.refused import ProviderRefused, WeAreRefused, refusal
from gateway.journey.visit import Visit
from gateway.prompt_cache.prompts import Leaving, Prompts, Watched
from gateway.upstream.answer import Answer
from gateway.upstream.errors import Lost, Unreached
from gateway.upstream.health import Health
from gateway.upstream.retry import REFUSED_US, RetryBudget, retry_after_s, says_next, says_unwell, wait_s
from gateway.upstream.signing import Signer
from gateway.upstream.wire import Wire

LOST_MAX = 2
"""Attempts that may end without an answer. Each may have been charged in full, and is booked so."""


class Redirected(UpstreamError):
    """The provider sent us elsewhere, which is never followed: its base_url is wrong."""


class Attempt:
    """An attempt that was answered: `with` it, the answer is passed on. Leaving ends the attempt."""

    __slots__ = ("_clock", "_health", "_probe", "answer", "dropped", "key_id", "option", "prompt", "visit")

    def __init__(
        self,
        option: Option,
        answer: Answer,
        health: Health,
        clock: Callable[[], float],
        key_id: str,
        *,
        said: Said,
        probe: bool,
        prompt: Watched | None = None,
        visit: Visit | None = None,
    ) -> None:
        self.option = option
        self.dropped = said.dropped
        self.prompt = prompt
        self.answer = answer
        self.visit = visit
        self._health = health
        self._clock = clock
        self.key_id = key_id
        self._probe = probe  # It tries a deployment that had been left alone.

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Lost):
            self._health.failed(self.option.candidate.name, self._clock(), self.key_id)
        self.close()

    def begun(self) -> None:
        """The first piece of its stream is here."""
        self._health.of(self.option.candidate.name).begun(self.key_id, probe=self._probe)
        self._probe = False
        if self.visit is not None:
            self.visit.began()

    def close(self) -> None:
        """Nobody wants it any more."""
        self.answer.close()
        self._health.of(self.option.candidate.name).leave(self._probe)
        if self.visit is not None:
            self.visit.ended()


class Failures:
    """What went wrong on the way through the plan, and whether more should be tried. Decides only."""

    def __init__(self) -> None:
        self._said: GatewayError | None = None  # What counts of all that was said: the newest word of a provider.
        self._refused: ProviderRefused | None = None  # The newest of this round.
        self._rounds = 0
        self._lost = 0

    def add(self, error: GatewayError) -> None:
        """An attempt failed, or could not be made."""
        if isinstance(error, UpstreamError) or self._said is None:
            self._said = error
        if isinstance(error, ProviderRefused):
            self._refused = error
        self._lost += isinstance(error, Lost)

    @property
    def final(self) -> bool:
        """Whether no other attempt may be made."""
        refused_for_good = isinstance(self._said, ProviderRefused) and not says_next(self._said.status)
        return refused_for_good or self._lost >= LOST_MAX

    @property
    def told(self) -> GatewayError:
        """What the caller may see: not that our key or account at the provider was refused."""
        assert self._said is not None, "a plan is never empty"
        if isinstance(self._said, ProviderRefused) and self._said.status in REFUSED_US:
            return WeAreRefused()
        return self._said

    def wait_s(self, now: float) -> float | None:
        """All of the plan failed: how long to wait before going through it again; None if it is not worth it."""
        asked_s = retry_after_s(self._refused.headers, now) if self._refused is not None else None
        self._rounds, self._refused = self._rounds + 1, None
        return None if self._lost or isinstance(self._said, BadRequest) else wait_s(self._rounds, asked_s)


class Way(Protocol):
    """One way through a plan: see `Asking.walk`."""

    async def __call__(
        self, question: Question, chosen: Chosen, booking: Booking, failures: Failures
    ) -> Attempt | None:
        """The first good answer; None if there is none this time."""
        ...


class Asking:
    """Asks providers. `rounds`: how often to go through the plan again when all of it failed."""

    def __init__(
        self,
        wire: Wire,
        health: Health,
        retries: RetryBudget,
        *,
        rounds: int,
        clock: Callable[[], float],
        signers: Mapping[str, Signer],
        prompts: Prompts | None = None,
        leaving: Callable[[Mapping[str, str], Entry], Mapping[str, str]] | None = None,
    ) -> None:
        self._wire = wire
        self._prompts = prompts  # Where they are watched.
        self._leaving = leaving  # The headers of an attempt with its trace, where there is one.
        self._health = health
        self._retries = retries
        self._rounds = rounds
        self._clock = clock
        self._signers = signers

    async def ask(
        self,
        question: Question,
        chosen: Chosen,
        booking: Booking,
        *,
        way: Way | None = None,
        patient: bool = True,
    ) -> Attempt:
        """The first good answer, open. The booking may have begun for the first choice. `way`: another one than to walk
        through the plan. `patient`: if all of it failed, it is tried again a little later.

        Raises ProviderRefused with the provider's last word, the error of the last attempt, or ConnectionError once the
        caller has left.
        """
        self._retries.called()
        failures, way = Failures(), way or self.walk
        for rounds_left in range(self._rounds if patient else 0, -1, -1):
            attempt = await way(question, chosen, booking, failures)
            if attempt is not None:
                return attempt
            wait = failures.wait_s(self._clock()) if rounds_left else None
            if wait is None or not self._retries.take():
                break
            booking.expect_caller()
            await asyncio.sleep(wait)
        raise failures.told

    async def walk(
        self,
        question: Question,
        chosen: Chosen,
        booking: Booking,
        failures: Failures,
        untried: Iterator[Option] | None = None,
    ) -> Attempt | None:
        """One after the other, until one answers; None if none does. Raises what is final."""
        for option in chosen.plan if untried is None else untried:
            try:
                if not booking.under_way:
                    await self._begin(question, chosen, booking, option)
                return await self._try(question, booking, option)
            except (UpstreamError, LimitReached, Unavailable, BadRequest) as error:  # It may be right for the next.
                failures.add(error)
            if failures.final:
                raise failures.told
        return None

    def may_ask(self, option: Option, question: Question) -> bool:
        """Whether it is not left alone after failing repeatedly."""
        return self._health.seen(option.candidate.name).working(self._clock(), question.request.key_id)

    def lost(self, attempt: Attempt, booking: Booking, error: Lost) -> None:
        """The answer had not begun to say anything, and will not."""
        self._note(booking, attempt.option.candidate.name, attempt.key_id, error)
        attempt.close()

    async def _begin(self, question: Question, chosen: Chosen, booking: Booking, option: Option) -> None:
        if not self.may_ask(option, question):
            raise Unavailable("This deployment is left alone after failing repeatedly.")
        fare, worst = question.fare(option)
        await booking.begin(option, chosen.reason, fare, worst)

    async def _try(self, question: Question, booking: Booking, option: Option) -> Attempt:
        """One attempt: an answer whose status is good, with its deployment marked busy."""
        name, key_id = option.candidate.name, question.request.key_id
        vitals = self._health.of(name)
        probe = vitals.begin(self._clock(), key_id)
        visit = Visit(option.expected, self._clock) if option.expected is not None else None
        try:
            said = question.said_to(option)
            access = option.deployment.provider.access[said.dialect.name]
            aimed = said.dialect.aim(said.asked, option.deployment.model, said.facts)
            url, streams = access.base_url + aimed.path, question.request.facts.stream
            headers: Mapping[str, str] = {
                **access.defaults,
                **said.headers,
                **access.headers,
                "x-fareway-request-id": question.request.id,
            }
            body, prompt = aimed.body, None
            if self._prompts is not None:
                body, prompt = self._prompts.leaving(_leaving(question, option, said, body), self._clock())
            if self._leaving is not None:
                headers = self._leaving(headers, booking.draft)
            if access.signed:
                headers = await self._signers[option.candidate.provider].signed(url, headers, body)
            answer = await self._wire.post(url, headers, body, streams=streams, leaving=booking.leaving)
            await self._expect_good(answer, booking, carried=option.carried is not None)
            return Attempt(
                option, answer, self._health, self._clock, key_id, said=said, probe=probe, prompt=prompt, visit=visit
            )
        except BaseException as error:
            vitals.leave(probe)
            if visit is not None:
                visit.failed(reached=not isinstance(error, Unreached))
            self._note(booking, name, key_id, error)
            raise

    async def _expect_good(self, answer: Answer, booking: Booking, *, carried: bool) -> None:
        """Raises Redirected, or ProviderRefused with the provider's error read whole: a status of 400 or more is never
        charged for."""
        if 200 <= answer.status < 300:
            return
        booking.refused()
        if answer.status < 400:
            answer.close()
            raise Redirected("The provider answered with a redirect, which is not followed.")
        async with answer:
            raise await refusal(answer, retry_after_s(answer.headers, self._clock()), carried=carried)

    def _note(self, booking: Booking, name: str, key_id: str, error: BaseException) -> None:
        """What the failed attempt means for the books and for the deployment's health."""
        now = self._clock()
        if isinstance(error, Lost):
            booking.tried.append(f"{name}: {error}")
            booking.settle_in_full(Outcome.FAILED, error.status)
            self._health.failed(name, now, key_id)
        elif isinstance(error, ProviderRefused):
            booking.void(f"{name}: status {error.status}")
            if says_unwell(error.status):
                self._health.failed(name, now, key_id)
        elif isinstance(error, Unreached | Redirected):
            booking.void(f"{name}: {'not reached' if isinstance(error, Unreached) else 'redirected'}")
            self._health.failed(name, now, key_id)
        elif isinstance(error, GatewayError) and not booking.has_left:  # The next attempt has a draft of its own.
            booking.void(f"{name}: not sent")
        elif isinstance(error, GatewayError):
            booking.settle_in_full(Outcome.FAILED, error.status)


def _leaving(question: Question, option: Option, said: Said, body: bytes) -> Leaving:
    request, candidate = question.request, option.candidate
    return Leaving(
        request.key_id,
        request.facts.session or "",
        candidate.name,
        said.dialect.name,
        body,
        candidate.model,
        option.price,
        option.deployment.provider.priced_as,
    )
