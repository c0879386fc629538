"""Moving what is settled from the journal into the ledger, and checking that all books agree."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.price import Price
from gateway.ledger.base import Ledger
from gateway.ledger.journal import Journal

MOVE_EVERY_S = 0.25
BATCH = 1000
"""Entries moved at once: what waited for hours must not be one transaction that takes too long for ever."""

log = logging.getLogger("fareway.ledger")


class Balance(Protocol):
    """What an account says about itself."""

    @property
    def booked(self) -> Mapping[str, int]: ...  # noqa: D102 - what is spent, by its accounts in the ledger


class Mover:
    """Feeds the ledger. `drift` is what the last audit found: the sum of all differences, which must be zero."""

    def __init__(self, journal: Journal, ledger: Ledger) -> None:
        self._journal = journal
        self._ledger = ledger
        self._turn = asyncio.Lock()  # Of two who move.
        self._moving = asyncio.Lock()  # An audit must not see an entry in both books, or in none.
        self.drift = 0

    async def recover(self) -> tuple[int, int]:
        """Book what an earlier process left. Returns how many entries were settled, and how many unresolved."""
        found = self._journal.recover()
        await self._ledger.note(found.prices)
        left = [*found.settled, *found.unresolved]
        for at in range(0, len(left), BATCH):
            await self._ledger.record(left[at : at + BATCH])
        self._journal.forget_recovered()
        if found.damaged:
            log.warning("the journal had %d damaged lines; one torn line is the trace of a crash", found.damaged)
        return len(found.settled), len(found.unresolved)

    async def run(self) -> None:
        """Move for ever. A ledger that does not answer is tried again; the journal keeps everything."""
        silent = False
        while True:
            await asyncio.sleep(MOVE_EVERY_S)
            try:
                await self.move()
            except Unavailable as error:
                if not silent:
                    log.warning("%s Entries wait in the journal: %d", error, len(self._journal.settled))
                silent = True
            else:
                if silent:
                    log.warning("The ledger answers again, and has every entry that waited.")
                silent = False

    async def move(self) -> None:
        """Bring the ledger up to date with what is settled now. Raises Unavailable."""
        async with self._turn:
            journal = self._journal
            retired, prices, left = list(journal.retired), list(journal.prices), len(journal.settled)
            if prices:  # First: no entry without what explains it.
                await self._ledger.note(prices)
                journal.moved(0, [], len(prices))
            while left > 0:
                await self._move_first(min(left, BATCH))
                left -= BATCH
            journal.moved(0, retired)

    async def _move_first(self, count: int) -> None:
        async with self._moving:
            batch = self._journal.settled[:count]
            await self._ledger.record(batch)
            self._journal.moved(len(batch), [])

    async def balances(self, accounts: list[str]) -> dict[str, int]:
        """What is booked on these accounts, entries on their way included. Raises Unavailable."""
        async with self._moving:
            sums, asked = Counter(await self._ledger.balances(accounts)), set(accounts)
            for entry in self._journal.settled:
                sums.update({name: amount for name, amount in entry.charges if name in asked})
        return dict(sums)

    async def find(self, name: str) -> list[Entry]:
        """All entries of one request, or with an answer that the provider calls so, those on their way included."""
        waiting = [e for e in self._journal.settled if name and name in (e.request_id, e.answer_id)]
        known = await self._ledger.find(name)
        seen = {entry.id for entry in known}
        return known + [entry for entry in waiting if entry.id not in seen]

    async def prices(self, ids: Collection[str]) -> dict[str, Price]:
        """The prices with these ids, as far as they are known. Raises Unavailable."""
        noted = {name: self._journal.noted[name] for name in ids if name in self._journal.noted}
        return noted | await self._ledger.prices([name for name in ids if name not in noted])

    async def audit(self, accounts: Iterable[Balance]) -> int:
        """Compare what the accounts say with what ledger and journal say. Returns the sum of differences."""
        async with self._moving:
            said = {name: spent for account in accounts for name, spent in account.booked.items()}
            waiting: Counter[str] = Counter()
            for entry in self._journal.settled:
                waiting.update(dict(entry.charges))
            booked = await self._ledger.balances(list(said))
        self.drift = sum(abs(spent - booked.get(name, 0) - waiting[name]) for name, spent in said.items())
        if self.drift:
            log.error("the books disagree by %d units in all", self.drift)
        return self.drift
