"""Settling batches: once one has ended, its results say what it cost, and the books are corrected. Exactly once.

A batch is settled by the replica that made it, whose books it stands in; after a restart as before. The correction has
an id that follows from the batch's entry, so writing it twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from msgspec.structs import replace

from gateway.catalog.providers import Provider
from gateway.core.errors import GatewayError, Unavailable
from gateway.dialects.batch_requests import Lines
from gateway.dialects.batch_status import Status, read_status
from gateway.dialects.batches import BATCH
from gateway.dialects.spoken import DIALECTS
from gateway.journey.batches.desk import GIVEN_UP_S, Desk, good, result_paths
from gateway.journey.batches.kept import Batch, File, Kept
from gateway.journey.batches.tally import Tally, Unclear
from gateway.journey.books import Books
from gateway.ledger.correction import corrected
from gateway.ledger.mover import Mover
from gateway.prices.book import PriceBook

POLL_S = 60.0
"""How often a provider is asked whether a batch has ended. Whoever looks at one through us learns it at once."""

_NOT_NOW = "batches are not looked after now: %s"

log = logging.getLogger("fareway.batches")


class Settling:
    """See the module. `ours`: whether a replica's batches are for this process to settle."""

    def __init__(
        self,
        books: Books,
        desk: Desk,
        kept: Kept,
        mover: Mover,
        book: Callable[[], PriceBook],
        *,
        ours: Callable[[str], bool],
    ) -> None:
        self._books = books
        self._desk = desk
        self._kept = kept
        self._mover = mover
        self._book = book
        self._ours = ours
        self._open: dict[str, Batch] = {}
        self._ended: set[str] = set()  # Of these, what somebody has seen to have ended.
        self._asked: set[str] = set()  # Providers, just now.
        self._wake = asyncio.Event()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def add(self, name: str, batch: Batch) -> None:
        """A batch that this process has made."""
        self._open[name] = batch

    def soon(self, name: str) -> None:
        """Somebody has seen that this batch has ended."""
        if name in self._open:
            self._ended.add(name)
            self._wake.set()

    async def run(self) -> None:
        """Look after batches for ever, those of earlier processes included: of one provider one after the other, and
        providers beside each other, so that one that hangs keeps nobody else's waiting."""
        known, clock = False, asyncio.get_running_loop().time
        all_at = clock()
        async with asyncio.TaskGroup() as rounds:
            while True:
                due = clock() >= all_at
                if due:
                    all_at = clock() + POLL_S
                try:
                    known = known or await self._resume()
                    for provider, names in self._free(self._open if due else self._ended).items():
                        self._asked.add(provider)
                        self._ended.difference_update(names)
                        rounds.create_task(self._round(provider, names))
                except Unavailable as error:
                    log.warning(_NOT_NOW, error)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(all_at):
                        await self._wake.wait()
                self._wake.clear()

    async def _resume(self) -> bool:
        for name, batch in (await self._kept.batches()).items():
            if not batch.settled and self._ours(batch.replica):
                self._open.setdefault(name, batch)
        return True

    def _free(self, wanted: Iterable[str]) -> dict[str, list[str]]:
        """Of these batches, by provider, those of providers that are not being asked."""
        free = defaultdict(list)
        for name in wanted:
            if (batch := self._open.get(name)) is not None and batch.provider not in self._asked:
                free[batch.provider].append(name)
        return free

    async def _round(self, provider: str, names: Sequence[str]) -> None:
        """These batches of one provider."""
        try:
            for name in names:
                await self._look_after(name)
        except Unavailable as error:
            log.warning(_NOT_NOW, error)
        finally:
            self._asked.remove(provider)
            if self._ended:
                self._wake.set()

    async def _look_after(self, name: str) -> None:
        """One batch. What goes wrong there keeps none of the others waiting."""
        batch = self._open.get(name)
        if batch is None:
            return
        if await self._kept.batch(name) is None:  # The store did not hear of it.
            await self._kept.put(name, batch)
        try:
            await self.settle(name)
        except GatewayError as error:
            log.warning("batch %s cannot be settled yet: %s", name, error)
        if self._books.clock() - batch.made > GIVEN_UP_S:
            log.error("batch %s is given up: it stays charged at the most that it can have cost", name)
            await self._close(name, batch)

    async def settle(self, name: str) -> bool:
        """Correct the books if the batch has ended. Whether they say now what it cost. Raises UpstreamError,
        ProviderRefused or Unavailable."""
        if name not in self._open:
            return await self._is_settled(name)
        async with self._turns[name]:
            batch = self._open.get(name)
            if batch is None:
                return await self._is_settled(name)
            provider = self._desk.provider(batch.style, batch.provider)
            document = await self._desk.status(provider, name)
            status = read_status(document)
            if status is None or not status.ended:
                return False
            await self._correct(name, batch, provider, status)
            await self.name_files(name, batch, status)
            await self._close(name, replace(batch, document=document.decode(errors="replace")))
        self._turns.pop(name, None)
        return True

    async def _is_settled(self, name: str) -> bool:
        batch = await self._kept.batch(name)
        return batch is not None and batch.settled

    async def _correct(self, name: str, batch: Batch, provider: Provider, status: Status) -> None:
        found = await self._mover.find(batch.request_id)
        entry = next((entry for entry in found if entry.id == batch.entry_id), None)
        earlier = [each for each in found if each.adjusts == batch.entry_id]
        if entry is None:
            raise Unavailable("Its entry is not in this ledger.")
        if earlier:  # It was done, and we died before that was written down.
            return
        tally = Tally(entry, DIALECTS[batch.dialect], provider, self._book())
        try:
            await self._read(name, batch, provider, status, tally)
        except Unclear as unclear:
            log.error("batch %s stays charged at the most that it can have cost: %s", name, unclear)  # noqa: TRY400
            return
        correction = corrected(entry, tally.usage, tally.cost, BATCH, now=self._books.clock())
        for price in tally.prices.values():
            self._books.journal.note(price)
        self._books.correct(correction)

    async def _read(self, name: str, batch: Batch, provider: Provider, status: Status, tally: Tally) -> None:
        for path in result_paths(batch.style, name, status.files):
            async with await self._desk.ask(provider, "GET", path) as answer:
                await good(answer)
                lines = Lines()
                while chunk := await answer.next_chunk():
                    tally.add(lines.feed(chunk))
                    await asyncio.sleep(0)  # Calls have their turn, too.
                tally.add([lines.rest()])
        tally.close(status.done)

    async def name_files(self, name: str, batch: Batch, status: Status) -> None:
        """The files of its results are its owner's. Raises Unavailable."""
        for file in status.files:
            if await self._kept.file(file) is None:
                await self._kept.put(file, File(batch.provider, batch.owner, self._books.clock(), "", name))

    async def _close(self, name: str, batch: Batch) -> None:
        await self._kept.put(name, replace(batch, settled=True))
        self._open.pop(name, None)
        self._ended.discard(name)
