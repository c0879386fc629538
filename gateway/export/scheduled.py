"""Exports day by day: every day that is over becomes one file. One that is missing is made up for, and one of a day of
which the ledger has more by now is written again: a batch has ended since, say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, Protocol

from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.price import Price
from gateway.export.places import Place
from gateway.export.table import Form, write_table
from gateway.export.written import Written

SETTLED_S = 3600.0
"""How long after midnight, UTC, a day is taken for over: calls that began in it have ended and are in the ledger."""

LOOK_EVERY_S = 600.0
DAY_S = 86_400.0

DAYS_BACK = 31
"""How many days before are looked at once a day: whether their file is there, and of all that the ledger has."""

log = logging.getLogger("fareway.exports")


class Books(Protocol):
    """A ledger, to be read."""

    def entries(self, since: float, until: float) -> Iterator[Entry]: ...  # noqa: D102 - oldest first
    def count(self, since: float, until: float) -> int: ...  # noqa: D102 - of these entries
    def prices(self) -> Mapping[str, Price]: ...  # noqa: D102 - by id
    def began(self) -> float | None: ...  # noqa: D102 - the moment of the first call


@dataclass(frozen=True, slots=True)
class Export:
    """What goes where."""

    form: Form
    to: Place
    name: str  # Of the place, for people.


def days_over(now: float) -> list[date]:
    """The days to have files of, oldest first."""
    today = datetime.fromtimestamp(now - SETTLED_S, UTC).date()
    return [today - timedelta(days=back) for back in range(DAYS_BACK, 0, -1)]


def file_name(form: Form, day: date) -> str:
    """Of one day: fareway-focus-2026-11-20.csv."""
    return f"fareway-{form.words}-{day.isoformat()}.{form.suffix}"


class Schedule:
    """Writes what is missing or out of date. `read` opens the ledger for a report; `told` hears of each file that was
    written, or of a failure."""

    def __init__(
        self,
        exports: Iterable[Export],
        read: Callable[[], AbstractContextManager[Books]],
        clock: Callable[[], float],
        told: Callable[[str], None],
        written: Written,
    ) -> None:
        self._exports = tuple(exports)
        self._read = read
        self._clock = clock
        self._told = told
        self._written = written
        self._looked_at: set[tuple[str, str]] = set()  # Files, since the newest of days was over.
        self._newest: date | None = None

    async def run(self) -> None:
        """For ever. A place or a ledger that is away is tried again; nothing else waits for it."""
        while self._exports:
            await asyncio.to_thread(self.catch_up)
            await asyncio.sleep(LOOK_EVERY_S)

    def catch_up(self) -> None:
        """Write every file that is missing or out of date, from the day of the first call on; for a thread."""
        over = days_over(self._clock())
        if over[-1] != self._newest:
            self._newest = over[-1]
            self._looked_at.clear()
        for export in self._exports:
            try:
                with self._read() as books:
                    began = books.began()
                    for day in over:
                        if began is not None and began < _since(day) + DAY_S:
                            self._look_at(export, day, books, over[0])
            except Unavailable as error:
                self._told("failed")
                log.warning("the export to %s failed, and is tried again: %s", export.name, error)
            except Exception:  # Whatever it is: calls go on.
                self._told("failed")
                log.exception("the export to %s failed, and is tried again", export.name)

    def _look_at(self, export: Export, day: date, books: Books, first: date) -> None:
        """A day without any call has a file as well: that it is missing then means that something is wrong. One of
        which the ledger has no more what was written stays as it is."""
        name = file_name(export.form, day)
        if (export.name, name) in self._looked_at:
            return
        file = f"{export.name} {name}"
        there, lines = export.to.has(name), books.count(_since(day), _since(day) + DAY_S)
        if not there or lines > self._written.lines(day, file):
            self._put(export, day, name, books)
            self._written.note(day, file, lines, since=first)
        self._looked_at.add((export.name, name))

    def _put(self, export: Export, day: date, name: str, books: Books) -> None:
        since = _since(day)

        def fill(file: IO[bytes]) -> None:
            unpriced = write_table(export.form, books.entries(since, since + DAY_S), books.prices(), file)
            if unpriced:
                log.warning("%s: %d calls without a price are in no charge", name, unpriced)

        export.to.put(name, fill)
        self._told("written")


def _since(day: date) -> float:
    """When it began, in Unix seconds."""
    return datetime.combine(day, time(), UTC).timestamp()
