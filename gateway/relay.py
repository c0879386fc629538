"""Passing an answer on: bytes as they come, usage watched, the hold grown while a stream runs, and the
cost settled however it ends. Nothing here looks inside HTTP; a vanished caller is a ConnectionError or
a cancelled task.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.asking import Question
from gateway.booking import Booking
from gateway.cache.flights import Flight, Head
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import GatewayError, LimitReached, Unavailable
from gateway.core.usage import Report, Usage
from gateway.dialects.watch import StreamWatch
from gateway.routing import Option
from gateway.tokens import Tokens
from gateway.upstream.wire import Answer, Lost

OUTPUT_BYTES_PER_TOKEN = 2
"""For growing a hold in time: hardly any text has fewer bytes a token, as JSON writes it."""

DRAIN_S_MAX = 120.0
"""How long an answer nobody listens to any more is read, to learn what it cost."""

OUTPUT_MARGIN = 16
"""Tokens that a provider may have generated beyond what reached us before it noticed the abort."""

log = logging.getLogger("fareway.relay")


class Client(Protocol):
    """The caller's end of the connection. Every method raises ConnectionError once the caller is gone."""

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin an answer whose length is not known."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Send a piece of it, waiting while the caller reads slowly."""
        ...

    async def finish(self) -> None:
        """End it."""
        ...

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a whole answer at once."""
        ...


class NotAnAnswer(Lost):
    """A good status with a body that is nothing of the kind. The provider may have charged."""


Headers = Callable[[Entry, Answer, float], dict[str, str]]
"""The caller's headers: given the entry as far as it is known, the answer, and when its last part came in."""


@dataclass(slots=True)
class Passage:
    """One answer on its way to one caller."""

    question: Question
    option: Option
    answer: Answer
    booking: Booking
    client: Client
    headers: Headers
    flight: Flight | None
    first_token_ms: int | None = None

    def settle(self, outcome: Outcome, status: int, report: Report, usage: Usage) -> Entry:
        """Book what the answer came to. A whole one is of use to whoever asks the same."""
        cost = self.option.cost(usage, report, self.booking.draft.at)
        entry = self.booking.settle(outcome, status, usage, cost, report, self.first_token_ms)
        if self.flight is not None and outcome is Outcome.OK:
            self.flight.bought = entry
        return entry


class Relay:
    """Carries answers. `monotonic` is for durations only."""

    def __init__(self, tokens: Tokens, monotonic: Callable[[], float]) -> None:
        self._tokens = tokens
        self._monotonic = monotonic

    async def carry(self, passage: Passage) -> None:
        """Pass the answer on and settle it. Afterwards the booking holds the entry."""
        if passage.flight is not None:
            content_type = passage.answer.headers.get("content-type", "application/json")
            passage.flight.begin(Head(passage.answer.status, content_type, passage.answer.is_stream))
        if passage.answer.is_stream:
            await self._stream(passage)
        else:
            await self._whole(passage)

    # An answer that comes in one piece: settled before it goes out, so that its headers tell the exact cost.

    async def _whole(self, passage: Passage) -> None:
        answer, question = passage.answer, passage.question
        body = await self._read_to_the_end(passage)
        received = self._monotonic()
        report = question.dialect.report(body, passage.option.deployment.provider.quirks)
        usage = report.usage
        if usage is None:
            if not body.lstrip().startswith(b"{"):
                raise NotAnAnswer("The provider answered with something that is not JSON.")
            watch = self._watch(passage)
            watch.feed(body + b"\n\n")
            usage = await self._estimate(passage, watch)
        if passage.flight is not None:
            passage.flight.add(body)
        entry = passage.settle(Outcome.OK, answer.status, report, usage)
        await passage.client.respond(answer.status, passage.headers(entry, answer, received), body)

    async def _read_to_the_end(self, passage: Passage) -> bytes:
        """The whole body, even if the caller leaves meanwhile: a call that does not stream bills in full."""
        reading = asyncio.ensure_future(passage.answer.read())
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            await self._settle_unheard(passage, reading)
            raise

    async def _settle_unheard(self, passage: Passage, reading: asyncio.Future[bytes]) -> None:
        _resume()
        try:
            async with asyncio.timeout(DRAIN_S_MAX):
                body = await reading
        except (Lost, TimeoutError):
            passage.booking.settle_in_full(Outcome.HUNG_UP, 499)
            return
        report = passage.question.dialect.report(body, passage.option.deployment.provider.quirks)
        if report.usage is None:
            passage.booking.settle_in_full(Outcome.HUNG_UP, 499)
        else:
            passage.settle(Outcome.HUNG_UP, 499, report, report.usage)

    # An answer that streams.

    async def _stream(self, passage: Passage) -> None:
        watch = self._watch(passage)
        growth = _Growth(passage, watch)
        received = self._monotonic()
        try:
            head = passage.headers(passage.booking.draft, passage.answer, received)
            await passage.client.start(passage.answer.status, head)
            async for chunk in passage.answer.chunks():
                if passage.first_token_ms is None:
                    passage.first_token_ms = round((self._monotonic() - received) * 1000)
                if passage.flight is not None:
                    passage.flight.add(chunk)
                out = watch.feed(chunk)
                if watch.done and passage.booking.entry is None:  # Settled before the caller sees the end.
                    await self._settle_stream(passage, watch)
                if out:
                    await passage.client.write(out)
                if (refused := growth.needed()) is not None:
                    await self._stop(passage, watch, refused)
                    return
            await self._end(passage, watch)
        except Lost as error:
            await self._cut(passage, watch, error)
        except (ConnectionError, asyncio.CancelledError):
            await self._hung_up(passage, watch)
            raise

    async def _end(self, passage: Passage, watch: StreamWatch) -> None:
        """The provider closed the stream. Without its last word, that is no clean end."""
        rest = watch.finish()
        if not watch.done and watch.report.usage is None and watch.error is None:
            raise Lost("The provider's stream ended before it was complete.")
        if passage.booking.entry is None:
            await self._settle_stream(passage, watch)
        if rest:
            await passage.client.write(rest)
        await passage.client.finish()

    async def _settle_stream(self, passage: Passage, watch: StreamWatch) -> None:
        usage = watch.report.usage or await self._estimate(passage, watch)
        outcome = Outcome.OK if watch.error is None else Outcome.CUT
        passage.settle(outcome, passage.answer.status, watch.report, usage)

    async def _stop(self, passage: Passage, watch: StreamWatch, refused: GatewayError) -> None:
        """What was held is used up and there is no more: end the stream in the caller's own dialect."""
        passage.answer.close()
        usage = watch.report.usage or await self._estimate(passage, watch)
        passage.settle(Outcome.STOPPED, passage.answer.status, watch.report, usage)
        await self._say_last(passage, refused)

    async def _cut(self, passage: Passage, watch: StreamWatch, error: Lost) -> None:
        """The provider broke off. Never a clean end: clients must see that something is missing."""
        log.warning("%s: %s", passage.option.candidate.name, error)
        passage.answer.close()
        if passage.booking.entry is not None:  # It had said that this was all.
            await passage.client.finish()
            return
        await self._settle_partly(passage, watch, Outcome.CUT, passage.answer.status)
        await self._say_last(passage, error)

    async def _say_last(self, passage: Passage, error: GatewayError) -> None:
        question = passage.question
        await passage.client.write(question.dialect.stream_error(error, question.request.id))
        await passage.client.finish()

    async def _hung_up(self, passage: Passage, watch: StreamWatch) -> None:
        """The caller is gone. Where others listen, or the provider goes on charging, read on; else abort."""
        _resume()
        if passage.booking.entry is not None:
            return
        listened = passage.flight is not None and passage.flight.followers > 0
        if listened or passage.option.deployment.provider.bills_after_abort:
            await self._drain(passage, watch)
        passage.answer.close()
        if watch.report.usage is not None:
            passage.settle(Outcome.HUNG_UP, 499, watch.report, watch.report.usage)
        else:
            await self._settle_partly(passage, watch, Outcome.HUNG_UP, 499)

    async def _drain(self, passage: Passage, watch: StreamWatch) -> None:
        try:
            async with asyncio.timeout(DRAIN_S_MAX):
                async for chunk in passage.answer.chunks():
                    watch.feed(chunk)
                    if passage.flight is not None:
                        passage.flight.add(chunk)
        except (Lost, TimeoutError):
            return

    async def _settle_partly(self, passage: Passage, watch: StreamWatch, outcome: Outcome, status: int) -> None:
        """No last word: what came is counted. If nothing came, nobody knows what was generated: all that is held."""
        if watch.report.usage is None and watch.text_bytes == 0:
            passage.booking.settle_in_full(outcome, status)
            return
        usage = watch.report.usage or await self._estimate(passage, watch)
        passage.settle(outcome, status, watch.report, usage)

    async def _estimate(self, passage: Passage, watch: StreamWatch) -> Usage:
        """Usage as far as we can count it ourselves: a little too much rather than too little."""
        question, model = passage.question, passage.option.deployment.model
        given = question.request.input_tokens
        if not question.request.input_exact:
            given = min(given, await self._tokens.count(question.dialect.countable(question.body), model))
        made = await self._tokens.count_text(watch.text, model) + OUTPUT_MARGIN
        return Usage(input=given, output=made, final=False)

    def _watch(self, passage: Passage) -> StreamWatch:
        at = passage.booking.draft.at
        return StreamWatch(
            passage.question.dialect,
            passage.option.deployment.provider.quirks,
            wants_usage=passage.question.request.facts.wants_usage,
            price=lambda report: passage.option.cost(report.usage, report, at).total if report.usage else None,
        )


class _Growth:
    """Extends the hold of a stream before what is generated can pass what is held."""

    def __init__(self, passage: Passage, watch: StreamWatch) -> None:
        self._passage = passage
        self._watch = watch
        self._held = passage.question.output_held(passage.option)
        self._refused: GatewayError | None = None

    def needed(self) -> GatewayError | None:
        """Extend if half of it may be used. Returns the refusal once all of it may be, and there is no more."""
        made = self._watch.text_bytes // OUTPUT_BYTES_PER_TOKEN
        if made * 2 < self._held or self._passage.booking.entry is not None:
            return None
        if self._refused is None and self._held < self._passage.option.output_max:
            self._extend()
        return self._refused if made >= self._held else None

    def _extend(self) -> None:
        option, request = self._passage.option, self._passage.question.request
        more = min(option.output_max, self._held * 2)
        try:
            self._passage.booking.extend(*option.worst(request, more))
        except (LimitReached, Unavailable) as refusal:
            self._refused = refusal
        else:
            self._held = more


def _resume() -> None:
    """This task was cancelled because its caller left. There is something to finish first."""
    task = asyncio.current_task()
    assert task is not None
    while task.cancelling():
        task.uncancel()
