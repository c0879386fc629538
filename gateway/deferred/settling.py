"""What a batch of calls with time has come to: each of them gets its answer, and its entry is corrected to its cost.

A correction's id follows from the entry's, so that it is booked once, whoever finds the results and however often.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from gateway.catalog.providers import Provider
from gateway.core import costing
from gateway.core.entry import Entry
from gateway.core.money import ZERO
from gateway.core.price import Cost, CostStatus, Price
from gateway.core.usage import Report, Usage
from gateway.deferred.asking import Answer
from gateway.deferred.offers import STYLES
from gateway.deferred.record import Later, Place
from gateway.dialects.batch_requests import Lines
from gateway.dialects.batch_status import Status, read_status
from gateway.dialects.batches import BATCH, Result, read_results
from gateway.dialects.spoken import DIALECTS
from gateway.journey.batches.desk import BATCHES, Desk, good, result_paths
from gateway.journey.books import Books
from gateway.journey.carriage import headers_of
from gateway.journey.receipt import Receipt
from gateway.ledger.correction import corrected
from gateway.ledger.mover import Mover
from gateway.prices.book import PriceBook

log = logging.getLogger("fareway.deferred")


class Found(NamedTuple):
    """What a batch that has ended came to for one call. No answer: it was not answered well, and costs nothing."""

    later: Later
    answer: Answer | None


Give = Callable[[Found], Awaitable[None]]
"""Hears of each as soon as the books know it: the answers of a whole batch may be more than memory holds."""


@dataclass(frozen=True)
class Settling:
    """See the module."""

    books: Books
    desk: Desk
    mover: Mover
    book: Callable[[], PriceBook]

    async def status(self, place: Place, dialect: str) -> Status | None:
        """How the batch stands; None where the provider's answer is none. It takes little time: a call may wait for it
        to be asked at once. Raises GatewayError."""
        provider = self.desk.provider(STYLES[dialect], place.provider)
        return read_status(await self.desk.status(provider, place.batch))

    async def cancel(self, place: Place, dialect: str) -> None:
        """What is done by now is charged. Raises GatewayError."""
        provider = self.desk.provider(STYLES[dialect], place.provider)
        path = f"{BATCHES[provider.batches]}/{place.batch}/cancel"
        async with await self.desk.ask(provider, "POST", path) as answer:
            await good(answer)
            await answer.read()

    async def collect(self, calls: Sequence[Later], status: Status, give: Give) -> None:
        """Read the results of a batch that has ended, and correct the books for these calls of it. Raises
        GatewayError; then it may be done again for those that were not given."""
        first = calls[0]
        assert first.place is not None
        provider = self.desk.provider(STYLES[first.dialect], first.place.provider)
        unread = {later.place.request_id: later for later in calls if later.place is not None}
        answered: set[str] = set()
        async with aclosing(self._results(provider, first, status)) as results:
            async for result in results:
                if result.answer:
                    answered.add(result.custom_id)
                later = unread.pop(result.custom_id, None)
                if later is not None and (found := await self._found(later, provider, result)):
                    await give(found)
        lacking = status.done > len(answered)
        for later in unread.values():
            if found := await self._found(later, provider, None, lacking=lacking):
                await give(found)

    async def _results(self, provider: Provider, first: Later, status: Status) -> AsyncGenerator[Result]:
        for path in result_paths(provider.batches, status.id, status.files):
            async with await self.desk.ask(provider, "GET", path) as answer:
                await good(answer)
                lines = Lines()
                while chunk := await answer.next_chunk():
                    for result in read_results(lines.feed(chunk), DIALECTS[first.dialect], provider.quirks):
                        yield result
                    await asyncio.sleep(0)  # Calls have their turn, too.
                for result in read_results([lines.rest()], DIALECTS[first.dialect], provider.quirks):
                    yield result

    async def _found(
        self, later: Later, provider: Provider, result: Result | None, *, lacking: bool = False
    ) -> Found | None:
        """None while its entry is not in the books. `lacking`: whether the provider has more answers than it gave."""
        assert later.place is not None
        entries = await self.mover.find(later.place.request_id)
        entry = next((entry for entry in entries if entry.id == later.place.entry_id), None)
        if entry is None:
            return None
        done = any(other.adjusts == entry.id for other in entries)
        if result is None and lacking:
            log.error("call %s stays charged at its bound: its batch has fewer results than answers", later.id)
            return Found(later, None)
        if result is None or not result.answer:
            if not done:
                self._correct(entry, Usage(requests=0), Cost(ZERO, CostStatus.EXACT))
            return Found(later, None)
        usage = result.report.used
        if usage is None:
            return self._at_bound(later, later.place, entry, result, "its result tells no usage")
        cost = self._cost(entry, provider, result.report, usage, entry.at)
        if cost.total is None and entry.cost.total is not None:
            return self._at_bound(later, later.place, entry, result, "not all of it has a price")
        usual = self._cost(entry, provider, replace(result.report, service_tier=None, cost=None), usage, later.accepted)
        saved = max(0, usual.known.nanos_up - cost.known.nanos_up) if usual.total is not None else 0
        if not done:
            self._correct(entry, usage, cost, saved, result.report.answer_id)
        whole = replace(entry, cost=cost, usage=usage, saved_nanos=saved)
        return Found(later, self._answer(later.place, whole, result))

    def _at_bound(self, later: Later, place: Place, entry: Entry, result: Result, why: str) -> Found:
        """Nobody says what it cost: unknown is not nothing."""
        log.error("call %s stays charged at its bound: %s", later.id, why)
        return Found(later, self._answer(place, replace(entry, saved_nanos=0), result))

    def _cost(self, entry: Entry, provider: Provider, report: Report, usage: Usage, at: float) -> Cost:
        def price_of(model: str) -> Price | None:
            price = self.book().price(provider.priced_as, model, at, provider.region)
            if price is not None:
                self.books.journal.note(price)
            return price

        return costing.settled(usage, report, entry.model, price_of(entry.model), price_of)[0]

    def _correct(self, entry: Entry, usage: Usage, cost: Cost, saved: int = 0, answer_id: str = "") -> None:
        correction = replace(
            corrected(entry, usage, cost, BATCH, now=self.books.clock()), saved_nanos=saved, answer_id=answer_id
        )
        self.books.correct(correction)

    def _answer(self, place: Place, entry: Entry, result: Result) -> Answer:
        """As the ordinary journey gives it, its receipt included."""
        receipt = Receipt(replace(entry, service_tier=BATCH), "off", 0.0, self.books.limits.remaining_now(entry.caller))
        told = {"content-type": "application/json"} | receipt.headers() | headers_of(None, place.dropped, {})
        return Answer(200, told, result.answer)
