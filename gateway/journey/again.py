"""Giving an answer again: one that was kept, or that of an identical call as it comes.

Nothing is held for it and nothing paid; the ledger still gets an entry, with what was saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from gateway.cache.exact import Stored
from gateway.cache.flights import Flight, Piece
from gateway.cache.found import Found
from gateway.core.caller import Key
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import UpstreamError
from gateway.core.money import ZERO
from gateway.core.price import Cost, CostStatus
from gateway.core.usage import Usage
from gateway.dialects.framing import SSE, framing_of
from gateway.dialects.watch import StreamWatch
from gateway.journey.books import Books
from gateway.journey.passage import Client
from gateway.journey.question import Question
from gateway.journey.receipt import Receipt


class Missed(UpstreamError):
    """The identical call that this one listened to did not come to an end."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks what, for an answer that was there before."""

    request_id: str
    key: Key
    question: Question
    overhead_ms: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Giving:
    """Writes answers to callers, and into the books."""

    books: Books

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
        assert flight.first is not None, "it was found because it can be heard"
        heard: Piece = flight.first
        if not flight.head.stream:
            body = await flight.after(heard)
            if flight.bought is None or body is None:
                raise Missed("An identical call, which this one waited for, failed. Try again.")
            entry = self._book(found, asker, flight.bought)
            await client.respond(200, _head(flight.head.content_type, entry, found, asker), body.chunk)
            return
        draft = _entry(found, asker, None, self.books.clock())
        await client.start(200, _head(flight.head.content_type, draft, found, asker))
        watch = _free_watch(asker.question, flight.head.content_type)
        while not (slow := flight.too_far_behind(heard)) and (piece := await flight.after(heard)) is not None:
            heard = piece
            if out := watch.feed(piece.chunk):
                await client.write(out)
        if slow:
            broken = Missed("This call listened to an identical one, and was read so slowly that it fell behind.")
            await client.write(watch.refusal(broken, asker.request_id))
        elif flight.bought is not None:
            self._book(found, asker, flight.bought)
            await client.write(watch.finish())
        else:
            broken = Missed("An identical call, which this one listened to, broke off.")
            await client.write(watch.refusal(broken, asker.request_id))
        await client.finish()

    def _book(self, found: Found, asker: Asker, bought: Entry) -> Entry:
        entry = _entry(found, asker, bought, self.books.clock())
        self.books.book(entry)
        return entry


def text_of(asked: Question, stored: Stored) -> str:
    """What an answer says, as far as it is kept to be counted."""
    watch = _free_watch(asked, stored.content_type)
    watch.feed(stored.body if stored.stream else stored.body + b"\n\n")
    watch.finish()
    return watch.text


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
