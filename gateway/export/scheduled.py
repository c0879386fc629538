"""Exports day by day: every day that is over becomes one file, and one that is missing is made up for."""

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

SETTLED_S = 3600.0
"""How long after midnight, UTC, a day is taken for over: calls that began in it have ended and are in the ledger."""

LOOK_EVERY_S = 600.0
DAY_S = 86_400.0

DAYS_BACK = 31
"""How many days before are made up for where their file is missing."""

log = logging.getLogger("fareway.exports")


class Books(Protocol):
    """A ledger, to be read."""

    def entries(self, since: float, until: float) -> Iterator[Entry]: ...  # noqa: D102 - oldest first
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
    """Writes what is missing. `read` opens the ledger for a report; `told` hears of each file that was written, or of
    a failure."""

    def __init__(
        self,
        exports: Iterable[Export],
        read: Callable[[], AbstractContextManager[Books]],
        clock: Callable[[], float],
        told: Callable[[str], None],
    ) -> None:
        self._exports = tuple(exports)
        self._read = read
        self._clock = clock
        self._told = told
        self._done: set[tuple[str, str]] = set()  # Files that are known to be there.

    async def run(self) -> None:
        """For ever. A place or a ledger that is away is tried again; nothing else waits for it."""
        while self._exports:
            await asyncio.to_thread(self.catch_up)
            await asyncio.sleep(LOOK_EVERY_S)

    def catch_up(self) -> None:
        """Write every file that is missing, from the day of the first call on; for a thread."""
        for export in self._exports:
            try:
                with self._read() as books:
                    began = books.began()
                    days = [
                        day for day in days_over(self._clock()) if began is not None and began < _since(day) + DAY_S
                    ]
                    for day in days:
                        self._write(export, day, books)
            except Unavailable as error:
                self._told("failed")
                log.warning("the export to %s failed, and is tried again: %s", export.name, error)
            except Exception:  # Whatever it is: calls go on.
                self._told("failed")
                log.exception("the export to %s failed, and is tried again", export.name)

    def _write(self, export: Export, day: date, books: Books) -> None:
        """A day without any call has a file as well: that it is missing then means that something is wrong."""
        name = file_name(export.form, day)
        if (export.name, name) in self._done:
            return
        if not export.to.has(name):
            self._put(export, day, name, books)
        self._done.add((export.name, name))

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
