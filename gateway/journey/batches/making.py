"""Making a batch: what it can cost at most is worked out, set aside and charged before it can run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.catalog.providers import Provider
from gateway.core.caller import Key
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import BadRequest, NotFound, Unavailable
from gateway.dialects.batch_requests import BatchCall, Lines, read_anthropic, read_line, read_openai, with_params
from gateway.dialects.batch_status import read_status
from gateway.journey.batches.bound import Bound
from gateway.journey.batches.desk import ANTHROPIC, BATCHES, OPENAI, Desk, good
from gateway.journey.batches.kept import Batch, Kept, owns
from gateway.journey.batches.settling import Settling
from gateway.journey.booking import Booking
from gateway.journey.books import Books
from gateway.journey.draft import Trip
from gateway.journey.question import ceiling_of
from gateway.journey.routing import Router
from gateway.limits.accounts import Account
from gateway.upstream.errors import Lost

CALLS_AT_ONCE = 50
"""Read before other calls have their turn."""

log = logging.getLogger("fareway.batches")


@dataclass(frozen=True)
class NewBatch:
    """A request for a batch. `headers`: those of the caller; `travelling`: of these, what goes to the provider."""

    id: str
    key: Key
    headers: Mapping[str, str]
    travelling: Mapping[str, str]
    body: bytes
    provider: str = ""  # Where the path names one.


@dataclass(frozen=True)
class Made:
    """What the provider answered, and the entry that charges for it."""

    name: str  # The batch's id.
    status: int
    headers: Mapping[str, str]
    body: bytes
    entry: Entry


class Making:
    """See the module."""

    def __init__(
        self, books: Books, router: Router, desk: Desk, kept: Kept, settling: Settling, *, refuse_unpriced: bool
    ) -> None:
        self._books = books
        self._router = router
        self._desk = desk
        self._kept = kept
        self._settling = settling
        self._refuse_unpriced = refuse_unpriced

    async def openai(self, asked: NewBatch) -> Made:
        """A batch of the calls in a file that this caller has uploaded. Raises GatewayError."""
        wanted = read_openai(asked.body)
        file = await self._kept.file(wanted.file)
        if file is None or not owns(asked.key, file.owner) or asked.provider not in ("", file.provider):
            raise NotFound(f"No such File object: {wanted.file}")
        provider = self._desk.provider(OPENAI, file.provider)
        bound = self._bound(asked, OPENAI, provider.name)
        async with await self._desk.ask(provider, "GET", f"/files/{wanted.file}/content") as content:
            await good(content)
            lines, number = Lines(), 0
            while chunk := await content.next_chunk():
                for line in lines.feed(chunk):
                    number += 1
                    await self._add(bound, read_line(line, number, wanted.endpoint))
            await self._add(bound, read_line(lines.rest(), number + 1, wanted.endpoint))
        if bound.renamed:
            raise BadRequest(
                f"Files must name models as {provider.name} does: {bound.option.deployment.model}", "model"
            )
        return await self._make(asked, bound, provider, asked.body)

    async def anthropic(self, asked: NewBatch) -> Made:
        """A batch of the calls in the request itself. Raises GatewayError."""
        bound = self._bound(asked, ANTHROPIC, asked.provider)
        bodies = [await self._add(bound, call) for call in read_anthropic(asked.body)]
        body = with_params(asked.body, bodies) if bound.renamed else asked.body
        provider = self._desk.provider(ANTHROPIC, bound.option.deployment.provider.name)
        return await self._make(asked, bound, provider, body)

    def _bound(self, asked: NewBatch, style: str, provider: str) -> Bound:
        betas = asked.headers.get("anthropic-beta", "")
        return Bound(self._router, asked.key, asked.id, style=style, provider=provider, betas=betas)

    async def _add(self, bound: Bound, call: BatchCall | None) -> bytes:
        if call is None:
            return b""
        if bound.calls % CALLS_AT_ONCE == CALLS_AT_ONCE - 1:
            await asyncio.sleep(0)
        return bound.add(call)

    async def _make(self, asked: NewBatch, bound: Bound, provider: Provider, body: bytes) -> Made:
        """Hold, send, and charge the bound. A refusal of the provider costs nothing; an answer that is lost may mean
        that the batch runs, and it stays charged."""
        caller, ceiling = asked.key.caller, ceiling_of(asked.headers)
        guarded = self._books.limits.chain(caller).guards_money or ceiling is not None
        fare, worst = bound.fare(needs_price=self._refuse_unpriced and guarded)
        reason = f"a batch of {bound.calls} calls for {bound.option.candidate.name}"
        trip = Trip(asked.id, caller, bound.asked_model, stream=False)
        own = None if ceiling is None else Account.ceiling(ceiling)
        with Booking(self._books, trip, own) as booking:
            await booking.begin(bound.option, reason, fare, worst)
            leaving = booking.leaving
            path = BATCHES[provider.batches]
            async with await self._desk.ask(
                provider, "POST", path, asked.travelling, body=body, leaving=leaving
            ) as answer:
                if answer.status >= 300:
                    booking.refused()
                await good(answer)
                told = await answer.read()
            status = read_status(told)
            if status is None:
                raise Lost("The provider's answer names no batch.")
            batch = Batch(
                provider=provider.name,
                owner=caller,
                made=booking.draft.at,
                document=told.decode(errors="replace"),
                dialect=bound.dialect,
                entry_id=booking.draft.id,
                request_id=asked.id,
                replica=self._books.replica,
            )
            await self._keep(status.id, batch)
            entry = booking.settle_in_full(Outcome.PENDING, answer.status)
        self._settling.add(status.id, batch)
        return Made(status.id, answer.status, answer.headers, told, entry)

    async def _keep(self, name: str, batch: Batch) -> None:
        """Before it is charged for good: should we die in between, it is corrected all the same."""
        try:
            await self._kept.put(name, batch)
        except Unavailable:
            log.warning("batch %s could not be written down; it is tried again while this process lives", name)
