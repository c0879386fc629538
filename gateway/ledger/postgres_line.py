"""A connection to PostgreSQL on a thread of its own: the event loop never waits for it, and it never waits for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict

from gateway.core.errors import Unavailable
from gateway.ledger.base import LedgerUnfit
from gateway.ledger.thread import stand_back

CONNECT_S = 5
ANSWER_S = 10
"""How long the server works on one statement that writes; after twice as long it is taken for dead."""

PAUSE_S = 1.0
"""After a failure nobody asks for so long: who does is told at once that there is no answer."""

SIGNALS_S = 0.1
"""How often a wait looks for Ctrl-C."""

REASON_MAX = 500

R = TypeVar("R")
Values = tuple[Any, ...]

log = logging.getLogger("fareway.ledger")


class Connection(psycopg.Connection[Values]):
    """One that can be given up if the other side is silent: a machine that is gone says nothing."""

    answer_s: float | None = None  # How long to wait for it; None: as long as it takes.

    def wait(self, gen: PQGen[R], interval: float = SIGNALS_S, timeout: float | None = None) -> R:
        """See psycopg."""
        try:
            return super().wait(gen, interval, self.answer_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - it has no other name
            self.close()
            raise psycopg.OperationalError("there was no answer in time") from error


class Address:
    """Where a database is. `url` may hold a password, which no text ever repeats."""

    def __init__(self, url: str) -> None:
        self._url = url
        try:
            self._secrets = [
                str(value) for name, value in conninfo_to_dict(url).items() if "password" in name and value
            ]
        except psycopg.Error:
            raise LedgerUnfit("the ledger's address is not one that PostgreSQL can read") from None

    def connect(self) -> Connection:
        """Raises psycopg.Error."""
        return Connection.connect(
            self._url,
            autocommit=True,
            connect_timeout=CONNECT_S,
            application_name="fareway",
            keepalives_idle=30,
            tcp_user_timeout=2000 * ANSWER_S,
        )

    def reason(self, error: Exception) -> str:
        """Why it failed, for a log."""
        said = "; ".join(str(error).split("\n")).strip()
        for secret in self._secrets:
            said = said.replace(secret, "…")
        return said[:REASON_MAX]


class Line:
    """Runs work on a connection, one after the other, and connects again where it broke. `prepare` is done first on
    each new one, and may raise LedgerUnfit: where it was fit before, that passes, and until then it is as if away."""

    def __init__(self, url: str, prepare: Callable[[Connection], None]) -> None:
        self._address = Address(url)
        self._prepare = prepare
        self._connection: Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger", initializer=stand_back)
        self._not_before = time.monotonic()
        self._silent = self._was_fit = False

    async def run(self, work: Callable[[Connection], R]) -> R:
        """Do it. It may be done twice, should the connection break. Raises Unavailable or LedgerUnfit."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._thread.shutdown(wait=True)
        self._hang_up()

    def _run(self, work: Callable[[Connection], R]) -> R:
        if time.monotonic() < self._not_before:
            raise _unavailable()
        try:
            done = self._work_again_if_it_broke(work)
        except (psycopg.Error, LedgerUnfit) as error:
            if isinstance(error, LedgerUnfit) and not self._was_fit:
                raise
            self._hang_up()
            self._not_before = time.monotonic() + PAUSE_S
            if not self._silent:
                log.warning("the ledger's PostgreSQL does not do its part: %s", self._address.reason(error))
            self._silent = True
            raise _unavailable() from None
        self._silent, self._was_fit = False, True
        return done

    def _work_again_if_it_broke(self, work: Callable[[Connection], R]) -> R:
        was_open = self._connection is not None
        try:
            return work(self._connected())
        except psycopg.OperationalError:
            if not was_open or self._connection is None or not self._connection.closed:
                raise
        self._hang_up()  # It was restarted since: that is no reason to refuse anything.
        return work(self._connected())

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._address.connect()
            connection.answer_s = 2 * ANSWER_S
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _unavailable() -> Unavailable:
    return Unavailable("The ledger's database does not answer.")
