"""The limits that speak about one caller, and taking from all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from math import inf
from typing import Any

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached
from gateway.core.limit import Fare, HoldMode, Limit, Mode, Span
from gateway.core.money import Money
from gateway.core.node import Place, placed
from gateway.limits.accounts import Account
from gateway.limits.holds import Hold
from gateway.limits.leases import Leases
from gateway.limits.rolling import RollingAccount
from gateway.limits.rules import Rules
from gateway.limits.windows import window_at

CHAINS_KEPT_MAX = 100_000
"""Callers whose chain is remembered; past it all are worked out anew."""


class Series:
    """One limit of one node through time: the account of the window that is running."""

    def __init__(self, limit: Limit, node: str, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.node = node
        self._clock = clock
        self._latest: tuple[Account, ...] = ()  # The one before stays known: a clock may be set back.

    def at(self, now: float) -> Account:
        """The account of the window that contains this moment."""
        for account in self._latest:
            if account.window.start <= now < account.window.end:
                return account
        account = self._opened(now)
        self._latest = (account, *self._latest[:1])
        return account

    def _opened(self, now: float) -> Account:
        if self.limit.span is Span.ROLLING:
            return RollingAccount(self.node, self.limit, self._clock)
        window = window_at(self.limit.span, self.limit.timezone, now, self.limit.start)
        return Account(self.node, self.limit, window, pace=self._latest[0].pace if self._latest else 0)

    def ruled(self, limit: Limit) -> None:
        """This limit rules from now on, in the windows that run, too: but not where its windows are others."""
        if (limit.timezone, limit.start) != (self.limit.timezone, self.limit.start):
            self._latest = ()
        self.limit = limit
        for account in self._latest:
            account.ruled(limit)


class Chain:
    """Every limit on every node above and at one caller's key; and, once that is decided, on where a call goes.

    `placed`: those that may stand over the caller besides, depending on that.
    """

    def __init__(self, series: tuple[Series, ...], placed: Iterable[Limit] = ()) -> None:
        self.series = series
        limits = [*(s.limit for s in series), *placed]
        # Whether a hard budget in dollars stands above this caller: then every call needs a price.
        self.guards_money = any(limit.guards_money for limit in limits)
        # How a streamed call holds: strictly if any limit says so.
        strict = any(limit.hold is HoldMode.STRICT for limit in limits)
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
        self._rules = Rules(limits)
        self._leases = leases
        self._clock = clock
        self._series: dict[tuple[str, str], Series] = {}  # By node and what is counted.
        self._chains: dict[Caller | tuple[Caller, Place], Chain] = {}

    def rule(self, limits: Iterable[Limit]) -> None:
        """These are the rules from now on. What accounts have spent and hold stays; what they do not need of a
        smaller amount is given up at once, and more of a larger one leased within half a second."""
        self._rules = Rules(limits)
        self._chains.clear()
        for (node, counts), series in list(self._series.items()):
            limit = self._rules.at(node).get((node, counts))
            if limit is None:  # Calls in flight settle there, and are not refused any more.
                del self._series[node, counts]
                limit = replace(series.limit, mode=Mode.SHADOW)
            if limit != series.limit:
                series.ruled(limit)

    def chain(self, caller: Caller, place: Place | None = None) -> Chain:
        """The limits that speak about this caller, and about a call that goes to this place."""
        key = caller if place is None else (caller, place)
        known = self._chains.get(key)
        if known is None:
            if len(self._chains) >= CHAINS_KEPT_MAX:
                self._chains.clear()
            series = tuple(self._of(node, limit) for node, limit in self._rules.over(caller, place))
            known = self._chains[key] = Chain(series, self._rules.placed_over(caller))
        return known

    def _of(self, node: str, limit: Limit) -> Series:
        return self._series.setdefault((node, limit.counts), Series(limit, node, self._clock))

    async def accounts(self, caller: Caller, place: Place | None = None) -> tuple[Account, ...]:
        """The accounts of a call now, opened where need be. Raises Unavailable if the store does not answer."""
        accounts = self.chain(caller, place if self._rules.any_placed else None).at(self._clock())
        for account in accounts:
            if not account.open:
                await self._leases.open(accounts)
                break
        return accounts

    async def hold(
        self, caller: Caller, fare: Fare, ceiling: Account | None = None, place: Place | None = None
    ) -> Hold:
        """Set this fare aside on the whole chain of a call, and within its own ceiling. Raises LimitReached or
        Unavailable."""
        accounts = await self.accounts(caller, place)
        hold = Hold(accounts if ceiling is None else (*accounts, ceiling))
        await self.raise_to(hold, fare)
        return hold

    async def move(self, hold: Hold, caller: Caller, place: Place, fare: Fare) -> None:
        """The call goes to another place, for this fare at least. Raises LimitReached or Unavailable, and then no place
        is held for."""
        if not self._rules.any_placed:
            await self.raise_to(hold, fare)
            return
        there = [account for account in await self.accounts(caller, place) if placed(account.node)]
        hold.leave([account for account in hold.accounts if placed(account.node) and account not in there])
        new = Hold(tuple(account for account in there if account not in hold.accounts))
        await self.raise_to(hold, fare)
        await self.raise_to(new, hold.fare)
        hold.join(new)

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
        return remaining([a for a in self.chain(caller).at(self._clock()) if a.open])


def remaining(accounts: Iterable[Account]) -> Money | None:
    """What is left on the tightest hard budget in dollars; None if there is none."""
    left = [a.left for a in accounts if a.guards_money]
    return Money.of_nanos(max(0, min(left))) if left else None
