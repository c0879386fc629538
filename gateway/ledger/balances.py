"""What was spent on an account before it opens here: asked of the ledger only where that can be anything.

A window that began after this process did, and after every entry that was there then, can have been charged by this
process alone. So while the ledger does not answer, calls go on into new minutes, days and months.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from gateway.core.limit import Span, Unit, account_unit

_CALENDAR = frozenset(Span) - {Span.LIFETIME, Span.RUNNING}
"""Windows that begin anew: for each there is an account, which is asked for before it is charged."""

LATEST_MAX = 40_000
"""Limits of single nodes that are known apart: callers may invent names."""

Ask = Callable[[list[str]], Awaitable[dict[str, int]]]


class Balances:
    """`ask`: what is booked on accounts, or waits to be. `since`, in Unix seconds: no window that began later can have
    been charged by an earlier process."""

    def __init__(self, ask: Ask, since: float) -> None:
        self._ask = ask
        self._since = since
        self._latest: dict[str, float] = {}  # The latest window that was asked for, for each limit of each node.

    async def of(self, accounts: list[str]) -> dict[str, int]:
        """What was spent on these accounts; one on which nothing was is missing. Raises Unavailable."""
        unknown = [account for account in accounts if not self.is_new(account)]
        return await self._ask(unknown) if unknown else {}

    def is_new(self, account: str) -> bool:
        """Whether nothing can be booked on it, so that the ledger need not be asked. One that was asked for before
        may have been charged since."""
        if account_unit(account) == Unit.CONCURRENT:
            return True  # Held, and never spent.
        limit, _, label = account.rpartition("@")
        if limit.rpartition("/")[2] not in _CALENDAR:
            return False
        try:
            begins = datetime.fromisoformat(label).timestamp()
        except ValueError:
            return False
        known = self._latest.get(limit, self._since)
        self._latest[limit] = max(known, begins)
        if len(self._latest) > LATEST_MAX:
            self._forget()
        return begins > known

    def _forget(self) -> None:
        """What was asked for. From here on no window is new that did not begin after all of these."""
        self._since = max(self._since, *self._latest.values())
        self._latest.clear()
