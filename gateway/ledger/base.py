"""What a ledger must do, wherever it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.core.entry import Entry
from gateway.core.price import Price
from gateway.core.rating import Rating


class LedgerUnfit(Exception):
    """The ledger is there, and this gateway must not use it: waiting would not help. The text says why."""


class Ledger(Protocol):
    """Entries that are only ever added, and the balances that follow from them.

    An entry and its effect on the balances are one transaction, so a balance is always the sum of the entries'
    charges, and recording an entry twice changes nothing. Every method but `close` may raise Unavailable.
    """

    async def record(self, entries: Sequence[Entry]) -> int:
        """Add entries; those already there are left alone. Returns how many were new."""
        ...

    async def note(self, prices: Sequence[Price]) -> None:
        """Keep the rates of prices. What is known by its id stays as it is."""
        ...

    async def prices(self, ids: Sequence[str]) -> dict[str, Price]:
        """The prices with these ids; one that no entry was booked at is missing."""
        ...

    async def balances(self, accounts: list[str]) -> dict[str, int]:
        """What was spent on these accounts; one without entries is missing."""
        ...

    async def all_balances(self) -> list[tuple[str, str, int]]:
        """What every replica has spent, as (account, replica, amount)."""
        ...

    async def newest(self) -> float:
        """The moment of the latest entry, in Unix seconds; 0 where there is none."""
        ...

    async def find(self, name: str) -> list[Entry]:
        """All entries of one request, in order; or, where no request is called so, those whose answer the provider
        calls so, oldest first."""
        ...

    async def rate(self, rating: Rating) -> None:
        """Keep what was said about a request. What was said about it before is forgotten, unless it is newer."""
        ...

    async def ratings(self, since: float) -> list[Rating]:
        """What was said since then, oldest first; of very many the newest alone."""
        ...

    async def sweep(self, before: float) -> int:
        """Drop the balances of short windows that began before that moment: the entries stay. Returns how many."""
        ...

    def close(self) -> None:
        """Wait for what is under way, and close."""
        ...
