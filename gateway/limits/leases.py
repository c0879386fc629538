"""Leases: what this replica may spend without asking. Opened when first needed, reported in the background.

The balance of an account comes from the ledger, which is the one source of truth; the store only
divides limits between replicas.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from gateway.core.errors import Unavailable
from gateway.limits.accounts import Account
from gateway.stores.base import Ask, LeaseStore

REPORT_EVERY_S = 0.5
"""How old the store's picture of this replica may be. Nothing depends on it but what others may lease."""

Balances = Callable[[list[str]], Awaitable[dict[str, int]]]


class Leases:
    """Opens accounts, and keeps the store told. `balances` reads what was spent on accounts from the ledger."""

    def __init__(self, store: LeaseStore, replica: str, balances: Balances) -> None:
        self._store = store
        self._replica = replica
        self._balances = balances
        self._open: dict[str, Account] = {}
        self._opening = asyncio.Lock()

    @property
    def accounts(self) -> Iterable[Account]:
        """All that are open."""
        return self._open.values()

    def totals(self, amount: Callable[[Account], int]) -> dict[tuple[str, ...], float]:
        """One figure a rule, summed over its running windows: for gauges whose labels must stay few."""
        sums: dict[tuple[str, ...], float] = {}
        for account in self._open.values():
            sums[account.limit.id,] = sums.get((account.limit.id,), 0) + amount(account)
        return sums

    async def open(self, accounts: Iterable[Account]) -> None:
        """Load the balance and lease what there is. Raises Unavailable if the store does not answer."""
        async with self._opening:  # Two calls at once must not load one balance twice.
            fresh = [a for a in accounts if not a.open]
            if not fresh:
                return
            spent = await self._balances([a.id for a in fresh])
            for account in fresh:
                account.spent = spent.get(account.id, 0)
            await self._exchange(fresh)
            for account in fresh:
                account.open = True
                self._open[account.id] = account

    async def run(self, clock: Callable[[], float]) -> None:
        """Report for ever. A store that does not answer is asked again next time."""
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            with suppress(Unavailable):
                await self.report(clock())

    async def report(self, now: float) -> None:
        """Tell the store what has changed, and forget windows that have ended and are settled."""
        changed = [a for a in self._open.values() if a.spent != a.reported]
        if changed:
            await self._exchange(changed)
        for account in [a for a in self._open.values() if a.window.end <= now and not a.held]:
            del self._open[account.id]

    async def _exchange(self, accounts: list[Account]) -> None:
        said = [(a, a.spent) for a in accounts]
        asks = [Ask(a.id, a.limit.amount, spent, self._wanted(a)) for a, spent in said]
        standings = await self._store.exchange(self._replica, asks)
        for (account, spent), standing in zip(said, standings, strict=True):
            account.leased = standing.leased
            account.reported = spent

    def _wanted(self, account: Account) -> int:
        """The whole limit where nobody shares it. Between replicas, sizes will follow the rate of spending."""
        assert self._store.exclusive, "sharing limits between replicas needs a store with recall"
        return max(account.limit.amount, account.spent + account.held)
