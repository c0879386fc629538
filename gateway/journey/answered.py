"""Answered before: looking a question up, and one that is like it, and listening to an identical call.

Used by keys and requests that ask for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from gateway.cache import asking
from gateway.cache.answers import Answers
from gateway.cache.exact import Stored, fingerprint
from gateway.cache.flights import Flight, Flights
from gateway.cache.found import Found
from gateway.cache.keeping import answerable, worth_keeping
from gateway.cache.nearest import Asked
from gateway.cache.scope import Scope, tenant
from gateway.cache.semantic import Candidate, Semantic
from gateway.core.caller import Key
from gateway.core.rating import Rating
from gateway.journey.again import Asker, Giving, text_of
from gateway.journey.books import Books
from gateway.journey.cache_wish import CacheUse, Wish, wish
from gateway.journey.idempotency import Idempotency, idempotency_key
from gateway.journey.passage import Client
from gateway.journey.question import Question
from gateway.telemetry.metrics import Metrics

Looking = AbstractAsyncContextManager[tuple[Found | None, Flight | None]]

GOOD = 0.5
"""The score from which on an answer was right."""

WAITED_FOR = 2
"""Identical calls, one after the other: the first may have left, and where two fail the next will. Where nobody leads
any more, all who waited ask at once."""

NOT_LOOKING: Looking = nullcontext((None, None))
"""For a call that uses no cache: nothing found, and no flight to feed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is to look in, and whose answers are given to whom."""

    answers: Answers
    semantic: Semantic | None = None  # None: similar questions are not looked for.
    scope: Scope = Scope.KEY
    tools: bool = False  # Whether answers that call tools are kept.


class Sought(NamedTuple):
    """A question, as the cache knows it."""

    question: Question
    wish: Wish
    tenant: str
    name: bytes
    tools: bool


@dataclass(slots=True)
class Similar:
    """The same for similar questions; `kept` is the answer to the most similar one that is asked anyway."""

    question: asking.Question
    asked: Asked
    candidate: Candidate | None = None
    kept: Stored | None = None


class Answered:
    """The cache and the calls in flight."""

    def __init__(self, kept: Kept, idempotency: Idempotency, books: Books, metrics: Metrics) -> None:
        self._kept = kept
        self._idempotency = idempotency
        self._flights = Flights()
        self._giving = Giving(books)
        self._metrics = metrics

    def looking(self, headers: Mapping[str, str], key: Key, asked: Question) -> Looking:
        """An answer or a call to listen to, if there is one; else, where the cache is used, the flight to feed."""
        wished, said = wish(headers, key), idempotency_key(headers)
        sought = self._sought(wished, key, asked)
        if said is not None:
            return self._looking_by_key(said, sought, key, asked)
        return NOT_LOOKING if sought is None else self._looking(sought, Flight())

    async def give(self, found: Found, asker: Asker, client: Client) -> None:
        """Answer with what was found. Raises Missed if a call listened to fails before a byte was sent."""
        await self._giving.give(found, asker, client)

    def hear(self, rating: Rating) -> None:
        """Somebody says how good an answer was: of use where it was one to a similar question."""
        if self._kept.semantic is not None:
            self._kept.semantic.judge(rating.request_id, good=rating.score >= GOOD)

    def _sought(self, wished: Wish, key: Key, asked: Question) -> Sought | None:
        """None where the cache is not to be asked."""
        if wished.use is CacheUse.BYPASS:
            return None
        tools = wished.tools or self._kept.tools
        if not answerable(asked.request.facts, asked.asked, tools=tools):
            return None
        owner = tenant(self._kept.scope, key.caller, wished.namespace)
        return Sought(asked, wished, owner, fingerprint(owner, asked.dialect.name, asked.asked), tools)

    @asynccontextmanager
    async def _looking_by_key(
        self, said: str, sought: Sought | None, key: Key, asked: Question
    ) -> AsyncIterator[tuple[Found | None, Flight | None]]:
        async with self._idempotency.looking(said, key, asked) as (found, flight):
            if found is not None:
                self._metrics.count("fareway_idempotent", found.idempotent)
            if flight is None or sought is None:
                yield found, flight
                return
            async with self._looking(sought, flight) as looked:
                yield looked

    @asynccontextmanager
    async def _looking(self, sought: Sought, flight: Flight) -> AsyncIterator[tuple[Found | None, Flight | None]]:
        similar = self._similar(sought)
        found = await self._find(sought, similar) if sought.wish.use is not CacheUse.REFRESH else None
        if found is not None:
            self._metrics.count("fareway_cache", found.cache)
            yield found, None
            return
        asked_anyway = similar is not None and similar.kept is not None
        self._metrics.count("fareway_cache", "shadow" if asked_anyway else "miss")
        self._flights.lead(sought.name, flight, sought.question.request.key_id)
        try:
            yield None, flight
        finally:
            self._flights.land(sought.name, flight)
            self._keep(sought, similar, flight)

    async def _find(self, sought: Sought, similar: Similar | None) -> Found | None:
        """Nothing is awaited between a look at the calls in flight that finds none and the return: who finds none leads
        one. If one that is waited for comes to nothing, who is first asks and the others wait for that, and no longer:
        then all ask for themselves."""
        stored = await self._kept.answers.find(sought.name, age_max_s=sought.wish.ttl_s)
        if stored is not None:
            return Found(stored, cache="hit")
        if similar is not None and (found := await self._find_similar(sought, similar)) is not None:
            return found
        for _ in range(WAITED_FOR):
            if (flight := self._flights.find(sought.name)) is None:
                return None
            if await flight.begun(sought.question.request.key_id) is not None and flight.first is not None:
                return Found(flight, cache="joined")
            stored = await self._kept.answers.find(sought.name, age_max_s=sought.wish.ttl_s)
            if stored is not None:
                return Found(stored, cache="hit")
        return None

    def _similar(self, sought: Sought) -> Similar | None:
        semantic, asked = self._kept.semantic, sought.question
        if semantic is None or sought.wish.use is not CacheUse.SEMANTIC:
            return None
        question = asking.question(sought.tenant, asked.dialect.name, asked.request.facts, asked.asked)
        return None if question is None else Similar(question, semantic.asked(question))

    async def _find_similar(self, sought: Sought, similar: Similar) -> Found | None:
        """An answer to a similar question, where that is proven to do; else it is noted, to be compared."""
        semantic, request_id = self._kept.semantic, sought.question.request.id
        assert semantic is not None
        candidate = semantic.find(sought.tenant, similar.question, similar.asked, request_id)
        if candidate is None:
            return None
        stored = await self._kept.answers.find(candidate.near.name, age_max_s=sought.wish.ttl_s)
        if stored is None:
            if sought.wish.ttl_s is None:
                semantic.drop(candidate.near.name)
            return None
        if not candidate.given:
            similar.candidate, similar.kept = candidate, stored
            return None
        semantic.give(sought.tenant, candidate.near, request_id)
        return Found(stored, cache="semantic", score=candidate.near.score)

    def _keep(self, sought: Sought, similar: Similar | None, flight: Flight) -> None:
        """Keep what came, if it came whole and may be given again; and compare it with what might have been given."""
        if flight.bought is None or flight.head is None or flight.first is None:
            return
        body = flight.body
        if not worth_keeping(flight.bought, body, tools=sought.tools):
            return
        ttl_s, content_type = sought.wish.ttl_s, flight.head.content_type
        self._kept.answers.keep(sought.name, content_type, body, flight.bought, ttl_s=ttl_s)
        semantic = self._kept.semantic
        if similar is None or semantic is None:
            return
        semantic.add(sought.name, similar.question, similar.asked)
        if similar.candidate is not None and similar.kept is not None:
            new = Stored(content_type, body, flight.head.stream, flight.bought, until=0.0)
            texts = text_of(sought.question, similar.kept), text_of(sought.question, new)
            semantic.compare(sought.tenant, similar.candidate, *texts)
