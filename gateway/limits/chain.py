"""The limits that speak about one caller, and taking from all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached
from gateway.core.limit import Fare, HoldMode, Limit, Mode, Unit
from gateway.core.money import Money
from gateway.limits.accounts import Account
from gateway.limits.holds import Hold
from gateway.limits.leases import Leases
from gateway.limits.windows import window_at

CHAINS_KEPT_MAX = 100_000
"""Callers whose chain is remembered; past it all are worked out anew."""


class Series:
    """One limit of one node through time: the account of the window that is running."""

    def __init__(self, limit: Limit, node: str) -> None:
        self.limit = limit
        self.node = node
        self._account: Account | None = None

    def at(self, now: float) -> Account:
        """The account of the window that contains this moment."""
        account = self._account
        if account is None or not account.window.start <= now < account.window.end:
            window = window_at(self.limit.span, self.limit.timezone, now)
            pace = account.pace if account is not None else 0
            account = self._account = Account(self.node, self.limit, window, pace=pace)
        return account


class Limits:
    """All limits. What a call takes, it takes from every account of its chain or from none."""

    def __init__(self, limits: Iterable[Limit], leases: Leases, clock: Callable[[], float]) -> None:
        self._limits = tuple(limits)
        self._leases = leases
        self._clock = clock
        self._series: dict[tuple[str, str], Series] = {}
        self._chains: dict[Caller, tuple[Series, ...]] = {}

    def chain(self, caller: Caller) -> tuple[Series, ...]:
        """Every limit on every node above and at this caller's key."""
        known = self._chains.get(caller)
        if known is None:
            if len(self._chains) >= CHAINS_KEPT_MAX:
                self._chains.clear()
            found = [(limit, node) for node in caller.nodes for limit in self._limits if limit.applies_to(node)]
            known = self._chains[caller] = tuple(self._one(limit, node) for limit, node in found)
        return known

    def _one(self, limit: Limit, node: str) -> Series:
        return self._series.setdefault((limit.id, node), Series(limit, node))

    async def accounts(self, caller: Caller) -> tuple[Account, ...]:
        """The caller's accounts now, opened where need be. Raises Unavailable if the store does not answer."""
        now = self._clock()
        accounts = tuple(series.at(now) for series in self.chain(caller))
        for account in accounts:
            if not account.open:
                await self._leases.open(accounts)
                break
        return accounts

    async def hold(self, caller: Caller, fare: Fare) -> Hold:
        """Set this fare aside on the caller's whole chain. Raises LimitReached or Unavailable."""
        hold = Hold(await self.accounts(caller))
        await self.raise_to(hold, fare)
        return hold

    async def raise_to(self, hold: Hold, fare: Fare) -> None:
        """Hold this much in all. Waits only where another replica may have what is lacking. Raises LimitReached or
        Unavailable, and then nothing has changed."""
        try:
            hold.raise_to(fare, self._clock())
        except LimitReached:
            await self._leases.make_room(hold, fare)
            hold.raise_to(fare, self._clock())

    def wait_for_room(self, hold: Hold, fare: Fare) -> Coroutine[Any, Any, None] | None:
        """Something to wait for, after which the hold may be raised to this fare; None where that would not help."""
        return self._leases.make_room_soon(hold, fare)

    async def remaining(self, caller: Caller) -> Money | None:
        """What is left on the tightest hard budget in dollars; None if there is none."""
        return remaining(await self.accounts(caller))

    def remaining_now(self, caller: Caller) -> Money | None:
        """The same without waiting for anything, for telling: of accounts that are not open yet nothing is known."""
        now = self._clock()
        return remaining([a for a in (series.at(now) for series in self.chain(caller)) if a.open])

    def guards_money(self, caller: Caller) -> bool:
        """Whether a hard budget in dollars stands above this caller: then every call needs a price."""
        return any(s.limit.unit is Unit.USD and s.limit.mode is Mode.HARD for s in self.chain(caller))

    def hold_mode(self, caller: Caller) -> HoldMode:
        """How a streamed call holds: strictly if any limit of the chain says so."""
        strict = any(s.limit.hold is HoldMode.STRICT for s in self.chain(caller))
        return HoldMode.STRICT if strict else HoldMode.PROGRESSIVE


def remaining(accounts: Iterable[Account]) -> Money | None:
    """What is left on the tightest hard budget in dollars; None if there is none."""
    left = [a.left for a in accounts if a.limit.unit is Unit.USD and a.limit.mode is Mode.HARD]
    return Money.of_nanos(max(0, min(left))) if left else None
