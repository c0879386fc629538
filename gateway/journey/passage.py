"""One answer on its way to one caller, and what both ways of passing it on need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from msgspec.structs import replace

from gateway.cache.flights import Flight
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.request import Facts
from gateway.core.usage import MAYBE_MORE, Report, Turn, Usage
from gateway.dialects.base import Dialect
from gateway.dialects.framing import SSE, Framing
from gateway.dialects.watch import StreamWatch
from gateway.journey.booking import Booking
from gateway.journey.counting import input_tokens
from gateway.journey.option import Option
from gateway.journey.question import Question
from gateway.journey.visit import Visit
from gateway.prompt_cache.prompts import Watched
from gateway.tokens import Tokens
from gateway.translate.edge import Told
from gateway.translate.watch import TranslatedWatch
from gateway.upstream.answer import Answer

DRAIN_S_MAX = 120.0
"""How long an answer nobody listens to any more is read, to learn what it cost."""

OUTPUT_MARGIN = 16
"""Tokens of each choice, at least, that a provider may generate beyond what reached us before it notices an abort."""

ABORT_S = 0.1
"""What it generates in this time, where that is more."""

STOP_S = 0.2
"""From the decision to stop a stream: what has come is read first, and the abort has to travel."""

PACE_S_MIN = 0.25
"""The shortest time that says anything of a provider's pace: the first tokens may come together."""

OUTPUT_BYTES_PER_TOKEN = 2
"""Hardly any text but digits has fewer bytes a token, as JSON writes it."""


class Client(Protocol):
    """The caller's end of the connection. Every method raises ConnectionError once the caller is gone."""

    def origin(self) -> str:
        """The caller's address; of use for keys that are good from some networks alone."""
        ...

    def may_leave(self) -> None:
        """From here on the caller's leaving cancels this task at once, not only when something is written."""
        ...

    def stays(self) -> None:
        """From here on it cancels nothing again."""
        ...

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin an answer whose length is not known."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Send a piece of it, waiting while the caller reads slowly."""
        ...

    def offer(self, chunk: bytes) -> bool:
        """The same without waiting. Whether the caller keeps up: else `keep_up` is to be waited for."""
        ...

    async def keep_up(self) -> None:
        """Wait until the caller has read most of what was sent."""
        ...

    async def finish(self) -> None:
        """End it."""
        ...

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a whole answer at once."""
        ...


Watch = StreamWatch | TranslatedWatch
"""What reads a stream as it goes by."""

Headers = Callable[[Entry, Answer, float], dict[str, str]]
"""The caller's headers: given the entry as far as it is known, the answer, and when its last part came in."""


@dataclass(slots=True, kw_only=True)
class Incoming:
    """An answer on its way in, where it comes from, and the books that it closes."""

    question: Question
    option: Option
    answer: Answer
    booking: Booking
    flight: Flight | None
    tokens: Tokens
    monotonic: Callable[[], float]  # For durations, in seconds.
    prompt: Watched | None = None  # Where prompts are watched.
    visit: Visit | None = None
    first_token_ms: int | None = None
    behind: bool = False  # More had been sent than we read before we hung up.

    @property
    def spoken(self) -> Dialect:
        """The dialect of the answer as it comes."""
        carried = self.option.carried
        return self.question.dialect if carried is None else carried.dialect

    def read_report(self, message: bytes) -> Report:
        """What a whole answer says about itself."""
        return self.spoken.report(message, self.option.deployment.provider.quirks)

    def for_caller(self, body: bytes) -> bytes:
        """A whole answer in the caller's dialect. Raises ValueError for what is none."""
        carried = self.option.carried
        return body if carried is None else carried.edge.answer(body, self._told)

    def watch(self, framing: Framing = SSE) -> Watch:
        """Something to read the stream with, that knows this call's price."""
        carried = self.option.carried
        heard = None if self.flight is None else self.flight.add
        if carried is None:
            return self._watch(self.question.dialect, framing, heard, self._price)
        watch = self._watch(carried.dialect, framing, None, lambda _: None, wants_usage=True)
        shaped = self._watch(self.question.dialect, carried.framing, heard, lambda _: self._price(watch.report))
        translation = carried.edge.stream(self._told)
        request_id = self.question.request.id
        return TranslatedWatch(watch, framing, translation, shaped, lambda error: shaped.refusal(error, request_id))

    def watch_whole(self, body: bytes) -> StreamWatch:
        """An answer that came in one piece, read as far as streams are."""
        watch = self._watch(self.spoken, SSE, None, lambda _: None)
        watch.read_whole(body)
        return watch

    def _watch(
        self,
        dialect: Dialect,
        framing: Framing,
        heard: Callable[[bytes], object] | None,
        price: Callable[[Report], Money | None],
        *,
        wants_usage: bool | None = None,
    ) -> StreamWatch:
        facts = self.question.request.facts
        return StreamWatch(
            dialect,
            self.option.deployment.provider.quirks,
            wants_usage=facts.wants_usage if wants_usage is None else wants_usage,
            price=price,
            choices=facts.choices,
            framing=framing,
            heard=heard,
        )

    def _price(self, report: Report) -> Money | None:
        if (used := report.used) is None:
            return None
        share = self.booking.share
        return self.option.cost(used, report, self.booking.draft.at).total if share is None else share

    @property
    def _facts(self) -> Facts:
        """Of the call as it left: an edge may have taken out what they tell."""
        carried = self.option.carried
        return self.question.request.facts if carried is None else carried.facts

    @property
    def _told(self) -> Told:
        quirks = self.option.deployment.provider.quirks
        return Told(self.question.asked, self.question.request.id, int(self.booking.draft.at), quirks)

    @property
    def listened(self) -> bool:
        """Whether identical calls listen to this answer, or may come back for it: by its key, or, where all of it is
        paid for anyway, by the cache."""
        flight = self.flight
        if flight is None:
            return False
        awaited = flight.kept or (flight.cached and self.option.deployment.provider.bills_after_abort)
        return flight.followers > 0 or (awaited and flight.first is not None)

    def settle(self, outcome: Outcome, status: int, report: Report, usage: Usage) -> Entry:
        """Book what the answer came to. A whole one is of use to whoever asks the same."""
        at = self.booking.draft.at
        if self._facts.fees_untold:
            report = replace(report, turns=(*(report.turns or (Turn(usage),)), MAYBE_MORE))
        cost, parts = self.option.settled(usage, report, at)
        since = self.question.baseline_at
        if self.option.price is None or cost.price_id != self.option.price.id:
            for price in self.option.prices(report, at):
                self.booking.note(price)
        entry = self.booking.settle(
            outcome,
            status,
            usage=usage,
            cost=cost,
            report=report,
            first_token_ms=self.first_token_ms,
            parts=parts,
            prompt=None if self.prompt is None else self.prompt.told(usage, report.service_tier),
            saved_nanos=0 if since is None else self.option.saved(usage, report, cost, since),
        )
        return self._settled(entry)

    def costs_more_than_held(self, usage: Usage, report: Report) -> bool:
        """Whether what was seen comes to more than what is set aside."""
        draft = self.booking.draft
        return self.option.cost(usage, report, draft.at).known.nanos_up > draft.held_nanos

    def settle_in_full(self, outcome: Outcome, status: int) -> Entry:
        """Nobody knows what the answer came to: book all that is held."""
        return self._settled(self.booking.settle_in_full(outcome, status))

    def _settled(self, entry: Entry) -> Entry:
        if self.flight is not None and entry.outcome is Outcome.OK:
            self.flight.bought = entry
        if self.visit is not None:
            self.visit.settled(entry)
        return entry

    def tells(self, watch: Watch) -> bool:
        """Whether what was seen of the answer tells what it costs, where the provider does not say. Which of
        several models made it cannot be seen, nor how long a recording was that is charged by its length."""
        untold, price = self._facts.extras_max, self.option.price
        if untold is not None and price is not None and price.charges(untold):
            return False
        if self.option.output_max == 0:
            return True
        told = watch.report.usage is not None and watch.report.usage.output_reasoning > 0  # In running totals.
        unseen = self.option.may_reason_unseen and not watch.shows_reasoning and not told
        if unseen or self.option.besides or self._facts.hides_output:
            return False
        return watch.complete or watch.text_bytes > 0

    @property
    def charged_by_request(self) -> Usage | None:
        """What the request itself says that it is charged for, if its price knows no other way; then it is all."""
        extras, price = self.question.request.facts.extras, self.option.price
        if extras is None or not (price is None or price.charges(extras)):
            return None
        return Usage(extras=extras)

    def under_way(self, made: int, seconds: float = ABORT_S) -> int:
        """Output tokens that may be generated beyond these, that reached us, in so many seconds."""
        least = OUTPUT_MARGIN * self.question.request.facts.choices
        if self.first_token_ms is None:
            return least
        streamed_s = max(PACE_S_MIN, (self.booking.elapsed_ms - self.first_token_ms) / 1000)
        return max(least, ceil(made * seconds / streamed_s))

    async def count_made(self, watch: Watch) -> int:
        """Output tokens that have come: counted, except what is too much to keep, of which there are fewer."""
        counted = await self.tokens.count_text(watch.text, self.option.deployment.model)
        return counted + watch.text_bytes_not_kept // OUTPUT_BYTES_PER_TOKEN

    async def estimate(self, watch: Watch) -> Usage:
        """Usage as far as we can count it ourselves: a little too much rather than too little."""
        request, model = self.question.request, self.option.deployment.model
        given = request.input_tokens
        if not request.facts.unseen:
            given = min(given, await input_tokens(self.question, self.tokens, [model]))
        made = await self.count_made(watch) if self.option.output_max else 0
        # Running totals of a stream that broke off: better than nothing, and not all.
        reported = watch.report.used
        if reported is None:
            made += self.under_way(made) if self.option.output_max else 0
            return Usage(input=given, output=made, final=False)
        made = max(reported.output, made)
        return watch.fetched.added_to(replace(reported, output=made + self.under_way(made), final=False))


@dataclass(slots=True, kw_only=True)
class Passage(Incoming):
    """The same, on its way to a caller."""

    client: Client
    headers: Headers
    begun: Callable[[], None]  # To be told of the first piece of a stream.


def resume() -> None:
    """This task was cancelled because its caller left. There is something to finish first."""
    task = asyncio.current_task()
    assert task is not None
    while task.cancelling():
        task.uncancel()
