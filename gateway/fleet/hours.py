"""Closes the hours of machines once they are over: see `closing`. Also those in which no gateway ran."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Protocol

from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.fleet.backend import Backend
from gateway.fleet.closing import Books, closed, idle_request, last_touched, opened
from gateway.fleet.rate import HOUR_NS, SECOND_NS

HOUR_S = 3600

GRACE_S = 120
"""After its end an hour is open for so long: what was settled in it is on its way into the ledger."""

LOOK_EVERY_S = 5.0

AT_ONCE = 50
"""Entries that are written in one turn."""

AGAIN = 3
"""So many hours before the one that has ended are looked at again: calls that were in flight then are booked by now.
Longer than any call takes but one that is read very slowly: what its caller is waited for is no part of its time."""

AGAIN_FIRST = 48
"""The same at a start: journals that were left may be read only now."""

log = logging.getLogger("fareway.fleet")

Hour = int
"""Hours since 1970."""


class Reading(Protocol):
    """A ledger that is read."""

    def entries(self, since: float, until: float, providers: Sequence[str]) -> Iterator[Entry]:
        """Of these providers, from `since` until before `until`."""
        ...

    def usage(self, names: Sequence[str], since: float, until: float) -> list[dict[str, object]]:
        """Sums by dimension."""
        ...


class Hours:
    """See the module. `find`: what the ledger has of one request; `add`: an entry for it; `reach_s`: how long a call
    takes at most, less what its caller is waited for; `waiting`: what is on its way into the ledger, in order. Several
    may close the same hours: they write the same."""

    def __init__(
        self,
        backends: Sequence[Backend],
        read: Callable[[], AbstractContextManager[Reading]],
        find: Callable[[str], Awaitable[list[Entry]]],
        add: Callable[[Entry], None],
        clock: Callable[[], float],
        *,
        reach_s: Callable[[], float],
        waiting: Callable[[], Sequence[Entry]],
    ) -> None:
        self._backends = [backend for backend in backends if backend.machine is not None]
        self._read = read
        self._find = find
        self._add = add
        self._clock = clock
        self._reach_s = reach_s
        self._waiting = waiting
        self._opened: dict[str, float] = {}  # By backend: since when it is paid for here, in Unix seconds.
        self._last: Hour | None = None  # That was looked at.

    async def run(self) -> None:
        """For ever. A ledger that is away is asked again; no call waits for it."""
        silent = False
        while self._backends:
            try:
                await self.catch_up()
                silent = False
            except Unavailable as error:
                if not silent:
                    log.warning("hours of machines are not closed now: %s", error)
                silent = True
            await asyncio.sleep(LOOK_EVERY_S)

    async def catch_up(self) -> None:
        """Close what is over and was not, or is not right any more. Raises Unavailable."""
        for backend in self._backends:
            if backend.id not in self._opened:
                self._opened[backend.id] = await self._open(backend)
        last = self._over()
        if self._last is not None and last <= self._last:
            return
        first = await self._unclosed(last - AGAIN_FIRST) if self._last is None else self._last + 1 - AGAIN
        for number, entry in enumerate(await asyncio.to_thread(self._due, first, last)):
            self._add(entry)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # Calls have their turn, too. What is not written now is found again.
        self._last = last

    def _over(self) -> Hour:
        """The last hour that the ledger has all of: a ledger may be read for long that takes nothing."""
        until = self._clock() - GRACE_S
        return int(min([until, *(entry.at for entry in self._waiting()[:1])]) // HOUR_S) - 1

    async def _open(self, backend: Backend) -> float:
        entry = opened(backend.provider, backend.name, self._clock())
        known = await self._find(entry.request_id)
        if not known:
            self._add(entry)
        return min([each.at for each in known], default=entry.at)

    async def _unclosed(self, hour: Hour) -> Hour:
        """The hour, or the first of those right before it that some machine's books are not closed for."""
        for backend in self._backends:
            opened_in = int(self._opened[backend.id] // HOUR_S)
            while hour > opened_in and not await self._find(idle_request(backend.id, hour - 1)):
                hour -= 1
        return hour

    def _due(self, first: Hour, last: Hour) -> list[Entry]:
        """What is to be added for these hours; for a thread. Raises Unavailable."""
        added: list[Entry] = []
        with self._read() as ledger:
            booked = _booked(ledger, first, last)
            for provider in dict.fromkeys(backend.provider for backend in self._backends):
                backends = [backend for backend in self._backends if backend.provider == provider]
                touched: set[Hour] = set()
                for hour in range(first, last + 1):
                    books = [each for backend in backends if (each := self._books(backend, hour)) is not None]
                    if hour in touched or sum(each.paid for each in books) != booked[provider, hour]:
                        new, until = self._close(ledger, books)
                        added += new
                        touched |= set(range(hour + 1, until + 1))
        return added

    def _books(self, backend: Backend, hour: Hour) -> Books | None:
        machine, opened_ns = backend.machine, int(self._opened[backend.id] * SECOND_NS)
        since, until = max(hour * HOUR_NS, opened_ns), (hour + 1) * HOUR_NS
        if machine is None or since >= until:
            return None
        return Books(backend.provider, backend.name, machine.rate, since, until)

    def _close(self, ledger: Reading, several: Sequence[Books]) -> tuple[list[Entry], Hour]:
        """What is to be added to the books of a provider's machines for an hour, and the last hour that their calls
        touch."""
        added: list[Entry] = []
        until = 0
        by_backend: defaultdict[str, list[Entry]] = defaultdict(list)
        for books in several[:1]:  # The same hour of the same provider, all of them.
            begins, reach_s = books.hour * HOUR_S, max(self._reach_s(), AGAIN * HOUR_S)
            for entry in ledger.entries(begins - reach_s, begins + HOUR_S, (books.provider,)):
                by_backend[entry.backend].append(entry)
        for books in several:
            own = by_backend[books.backend]
            added += closed(books, own, self._clock())
            until = max(until, last_touched(own, books.rate))
        return added, until


def _booked(ledger: Reading, first: Hour, last: Hour) -> defaultdict[tuple[str, Hour], int]:
    """What stands in the ledger by provider and hour, in pico-dollars."""
    booked: defaultdict[tuple[str, Hour], int] = defaultdict(int)
    for row in ledger.usage(("provider", "hour"), first * HOUR_S, (last + 1) * HOUR_S):
        began = datetime.strptime(str(row["hour"]), "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        cost = Money.usd(str(row["cost_usd"])) if row["cost_usd"] is not None else Money(0)
        booked[str(row["provider"]), int(began.timestamp()) // HOUR_S] += cost.picos
    return booked
