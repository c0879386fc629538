"""Answered before: looking a question up, listening to an identical call, and giving an answer again.

Used by keys and requests that ask for it. Nothing is held for such an answer and nothing paid; the
ledger still gets an entry, with what was saved.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from gateway.cache.exact import ExactCache, Stored, fingerprint
from gateway.cache.flights import Flight, Flights
from gateway.cache.found import Found
from gateway.core.caller import Key
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import BadRequest, UpstreamError
from gateway.core.money import ZERO
from gateway.core.price import Cost, CostStatus
from gateway.core.usage import Usage
from gateway.dialects.framing import SSE, framing_of
from gateway.dialects.watch import StreamWatch
from gateway.journey.booking import Books
from gateway.journey.idempotency import Idempotency, idempotency_key
from gateway.journey.passage import Client
from gateway.journey.question import Question
from gateway.journey.receipt import Receipt
from gateway.telemetry.metrics import Metrics

HEADER = "x-fareway-cache"


class CacheUse(StrEnum):
    """How a call uses the cache: by its header, else by its key's setting."""

    USE = "use"
    REFRESH = "refresh"  # Ask anew, and keep the new answer.
    BYPASS = "bypass"


class Missed(UpstreamError):
    """The identical call that this one listened to did not come to an end."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks what, for an answer that was there before."""

    request_id: str
    key: Key
    question: Question
    overhead_ms: Callable[[], float]


Looking = AbstractAsyncContextManager[tuple[Found | None, Flight | None]]

NOT_LOOKING: Looking = nullcontext((None, None))
"""For a call that uses no cache: nothing found, and no flight to feed."""


class Answered:
    """The cache and the calls in flight."""

    def __init__(self, cache: ExactCache, idempotency: Idempotency, books: Books, metrics: Metrics) -> None:
        self._cache = cache
        self._idempotency = idempotency
        self._flights = Flights()
        self._books = books
        self._metrics = metrics

    def looking(self, headers: Mapping[str, str], key: Key, asked: Question) -> Looking:
        """An answer or a call to listen to, if there is one; else, where the cache is used, the flight to feed."""
        use, said = cache_use(headers, key), idempotency_key(headers)
        if said is not None:
            return self._looking_by_key(said, use, key, asked)
        return NOT_LOOKING if use is CacheUse.BYPASS else self._looking(use, key, asked, Flight())

    @asynccontextmanager
    async def _looking_by_key(
        self, said: str, use: CacheUse, key: Key, asked: Question
    ) -> AsyncIterator[tuple[Found | None, Flight | None]]:
        async with self._idempotency.looking(said, key, asked) as (found, flight):
            if found is not None:
                self._metrics.count("fareway_idempotent", found.idempotent)
            if flight is None or use is CacheUse.BYPASS:
                yield found, flight
                return
            async with self._looking(use, key, asked, flight) as looked:
                yield looked

    @asynccontextmanager
    async def _looking(
        self, use: CacheUse, key: Key, asked: Question, flight: Flight
    ) -> AsyncIterator[tuple[Found | None, Flight | None]]:
        name = fingerprint(key.id, asked.dialect.name, asked.asked)
        found = await self._find(name) if use is CacheUse.USE else None
        if found is not None:
            self._metrics.count("fareway_cache", found.cache)
            yield found, None
            return
        self._metrics.count("fareway_cache", "miss")
        self._flights.lead(name, flight)
        try:
            yield None, flight
        finally:
            self._flights.land(name, flight)
            if flight.bought is not None and flight.head is not None:
                self._cache.put(name, flight.head.content_type, flight.body, flight.bought, self._books.clock())

    async def _find(self, name: bytes) -> Found | None:
        while True:
            stored = self._cache.get(name, self._books.clock())
            if stored is not None:
                return Found(stored, cache="hit")
            flight = self._flights.find(name)
            if flight is None:
                return None
            if await flight.begun() is not None:
                return Found(flight, cache="joined")

    async def give(self, found: Found, asker: Asker, client: Client) -> None:
        """Answer with what was found. Raises Missed if a call listened to fails before a byte was sent."""
        answer = found.answer
        if isinstance(answer, Stored):
            await self._give_stored(found, answer, asker, client)
            return
        answer.followers += 1
        try:
            await self._listen(found, answer, asker, client)
        finally:
            answer.followers -= 1

    async def _give_stored(self, found: Found, stored: Stored, asker: Asker, client: Client) -> None:
        entry = self._book(found, asker, stored.bought)
        head = _head(stored.content_type, entry, found, asker)
        if not stored.stream:
            await client.respond(200, head, stored.body)
            return
        await client.start(200, head)
        watch = _free_watch(asker.question, stored.content_type)
        await client.write(watch.feed(stored.body) + watch.finish())
        await client.finish()

    async def _listen(self, found: Found, flight: Flight, asker: Asker, client: Client) -> None:
        assert flight.head is not None
        if not flight.head.stream:
            body = await flight.chunk(0)
            if flight.bought is None or body is None:
                raise Missed("An identical call, which this one waited for, failed. Try again.")
            entry = self._book(found, asker, flight.bought)
            await client.respond(200, _head(flight.head.content_type, entry, found, asker), body)
            return
        draft = _entry(found, asker, None, self._books.clock())
        await client.start(200, _head(flight.head.content_type, draft, found, asker))
        watch = _free_watch(asker.question, flight.head.content_type)
        heard = 0
        while (chunk := await flight.chunk(heard)) is not None:
            heard += 1
            if out := watch.feed(chunk):
                await client.write(out)
        if flight.bought is not None:
            self._book(found, asker, flight.bought)
            await client.write(watch.finish())
        else:
            broken = Missed("An identical call, which this one listened to, broke off.")
            await client.write(watch.refusal(broken, asker.request_id))
        await client.finish()

    def _book(self, found: Found, asker: Asker, bought: Entry) -> Entry:
        entry = _entry(found, asker, bought, self._books.clock())
        self._books.journal.settle(entry)
        self._books.booked(entry)
        return entry


def cache_use(headers: Mapping[str, str], key: Key) -> CacheUse:
    """What the header says, else what the key is set to. Raises BadRequest for a word that means nothing."""
    word = headers.get(HEADER)
    if word is None:
        return CacheUse.USE if key.cache else CacheUse.BYPASS
    try:
        return CacheUse(word.strip().lower())
    except ValueError:
        raise BadRequest(f"{HEADER} must be one of {', '.join(CacheUse)}", HEADER) from None


def _free_watch(asked: Question, content_type: str) -> StreamWatch:
    """Shapes the stream as this caller asked for it. The provider's quirks matter only for reading a cost."""
    facts = asked.request.facts
    framing = framing_of(content_type, arrays=asked.dialect.signs.arrays) or SSE
    return StreamWatch(asked.dialect, frozenset(), wants_usage=facts.wants_usage, price=lambda _: ZERO, framing=framing)


def _head(content_type: str, entry: Entry, found: Found, asker: Asker) -> dict[str, str]:
    receipt = Receipt(entry, found.cache, asker.overhead_ms(), remaining=None)
    return {"Content-Type": content_type, **receipt.headers(), **found.headers}


def _entry(found: Found, asker: Asker, bought: Entry | None, now: float) -> Entry:
    """A line for an answer that cost nothing. `bought` is the one that it repeats, once that is known."""
    facts = asker.question.request.facts
    entry = Entry(
        id=f"{asker.request_id}.0",
        request_id=asker.request_id,
        at=now,
        caller=asker.key.caller,
        asked_model=facts.model,
        provider="",
        model="",
        served_model="",
        tier="",
        selfhosted=False,
        reason=found.reason,
        usage=Usage(requests=0),
        cost=Cost(ZERO, CostStatus.EXACT),
        held_nanos=0,
        outcome=Outcome.CACHED,
        status=200,
        stream=facts.stream,
        session=facts.session or "",
    )
    if bought is None:
        return entry
    return replace(
        entry,
        provider=bought.provider,
        model=bought.model,
        served_model=bought.served_model,
        tier=bought.tier,
        selfhosted=bought.selfhosted,
        saved_nanos=bought.cost.known.nanos_up,
    )
