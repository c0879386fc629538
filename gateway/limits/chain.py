"""The limits that speak about one caller, and taking from all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from math import inf
from typing import Any

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached
from gateway.core.limit import Fare, HoldMode, Limit
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
        self._latest: tuple[Account, ...] = ()  # The one before stays known: a clock may be set back.

    def at(self, now: float) -> Account:
        """The account of the window that contains this moment."""
        for account in self._latest:
            if account.window.start <= now < account.window.end:
                return account
        window = window_at(self.limit.span, self.limit.timezone, now)
        account = Account(self.node, self.limit, window, pace=self._latest[0].pace if self._latest else 0)
        self._latest = (account, *self._latest[:1])
        return account


class Chain:
    """Every limit on every node above and at one caller's key."""

    def __init__(self, series: tuple[Series, ...]) -> None:
        self.series = series
        # Whether a hard budget in dollars stands above this caller: then every call needs a price.
        self.guards_money = any(s.limit.guards_money for s in series)
        # How a streamed call holds: strictly if any limit says so.
        strict = any(s.limit.hold is HoldMode.STRICT for s in series)
        self.hold_mode = HoldMode.STRICT if strict else HoldMode.PROGRESSIVE
        self._accounts: tuple[Account, ...] = ()
        self._since, self._until = inf, -inf  # When all of these windows run.

    def at(self, now: float) -> tuple[Account, ...]:
        """The accounts of the windows that run at this moment."""
        if not self._since <= now < self._until:
            self._accounts = tuple(series.at(now) for series in self.series)
            self._since = max((a.window.start for a in self._accounts), default=-inf)
            self._until = min((a.window.end for a in self._accounts), default=inf)
        return self._accounts


class Limits:
    """All limits. What a call takes, it takes from every account of its chain or from none."""

    def __init__(self, limits: Iterable[Limit], leases: Leases, clock: Callable[[], float]) -> None:
        self._limits = tuple(limits)
        self._leases = leases
        self._clock = clock
        self._series: dict[tuple[str, str], Series] = {}
        self._chains: dict[Caller, Chain] = {}

    def chain(self, caller: Caller) -> Chain:
        """The limits that speak about this caller."""
        known = self._chains.get(caller)
        if known is None:
            if len(self._chains) >= CHAINS_KEPT_MAX:
                self._chains.clear()
            known = self._chains[caller] = Chain(tuple(s for node in caller.nodes for s in self._at(node)))
        return known

    def _at(self, node: str) -> Iterator[Series]:
        """The limits of one node. One that names it stands in the place of one for all of its kind."""
        ruling = {}
        for limit in sorted(self._limits, key=lambda limit: limit.node == node):
            if limit.applies_to(node):
                ruling[limit.unit, limit.span] = limit
        for limit in ruling.values():
            yield self._series.setdefault((limit.id, node), Series(limit, node))

    async def accounts(self, caller: Caller) -> tuple[Account, ...]:
        """The caller's accounts now, opened where need be. Raises Unavailable if the store does not answer."""
        accounts = self.chain(caller).at(self._clock())
        for account in accounts:
            if not account.open:
                await self._leases.open(accounts)
                break
        return accounts

    async def hold(self, caller: Caller, fare: Fare, ceiling: Account | None = None) -> Hold:
        """Set this fare aside on the caller's whole chain, and within the call's own ceiling. Raises LimitReached or
        Unavailable."""
        accounts = await self.accounts(caller)
        hold = Hold(accounts if ceiling is None else (*accounts, ceiling))
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

    async def attainable(self, caller: Caller) -> Money | None:
        """The same, with what others held when the store last spoke: by now they may have given it back."""
        left = [a.left + a.others.held for a in await self.accounts(caller) if a.guards_money]
        return Money.of_nanos(max(0, min(left))) if left else None

    def remaining_now(self, caller: Caller) -> Money | None:
        """The same without waiting for anything, for telling: of accounts that are not open yet nothing is known."""
        return remaining([a for a in self.chain(caller).at(self._clock()) if a.open])


def remaining(accounts: Iterable[Account]) -> Money | None:
    """What is left on the tightest hard budget in dollars; None if there is none."""
    left = [a.left for a in accounts if a.guards_money]
    return Money.of_nanos(max(0, min(left))) if left else None
