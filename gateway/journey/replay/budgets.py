"""All limits, walked through again: what each window had left when a call left, and who would have been refused.

The accounts are those of a running gateway, which here has leased every limit whole. So the rules are the same, and
no store is asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from gateway.core.caller import Caller
from gateway.core.limit import Fare, HoldMode, Limit
from gateway.core.money import Money
from gateway.core.node import Place
from gateway.journey.replay.timeline import Timeline
from gateway.limits.accounts import Account
from gateway.limits.chain import Chain, remaining
from gateway.limits.holds import Hold
from gateway.limits.rolling import RollingAccount
from gateway.limits.rules import Rules
from gateway.limits.series import Series

CHAINS_KEPT_MAX = 100_000


class Budgets:
    """These limits, with nothing spent at the beginning."""

    def __init__(self, limits: Iterable[Limit], timeline: Timeline) -> None:
        self._rules = Rules(limits)
        self._timeline = timeline
        self._series: dict[tuple[str, str], Series] = {}
        self._chains: dict[tuple[Caller, Place | None], Chain] = {}

    def chain(self, caller: Caller, place: Place | None = None) -> Chain:
        """The limits over this caller, and over a call to this place."""
        known = self._chains.get((caller, place))
        if known is None:
            if len(self._chains) >= CHAINS_KEPT_MAX:
                self._chains.clear()
            over = self._rules.over(caller, place)
            series = tuple(self._of(node, limit) for node, limit in over)
            known = self._chains[caller, place] = Chain(series, self._rules.placed_over(caller))
        return known

    def _of(self, node: str, limit: Limit) -> Series:
        found = self._series.get((node, limit.counts))
        if found is None:
            found = Series(limit, node, self._timeline.clock, lambda _: None)
            self._series[node, limit.counts] = found
        return found

    def accounts(self, caller: Caller, place: Place | None = None) -> tuple[Account, ...]:
        """The accounts of the windows that run now, all of which is leased."""
        accounts = self.chain(caller, place if self._rules.any_placed else None).at(self._timeline.now)
        for account in accounts:
            if isinstance(account, RollingAccount):
                account.roll()
            account.leased, account.open = account.limit.amount, True
        return accounts

    def strict(self, caller: Caller) -> bool:
        """Whether any limit wants the most to be held that a call can cost."""
        return self.chain(caller).hold_mode is HoldMode.STRICT

    def guarded(self, caller: Caller) -> bool:
        """Whether a hard budget stands over this caller."""
        return self.chain(caller).guards_money

    def remaining(self, caller: Caller) -> Money | None:
        """What is left on the tightest hard budget in dollars; None if there is none."""
        return remaining(self.accounts(caller))

    def burn(self, caller: Caller) -> float | None:
        """See `Chain.burn`."""
        self.accounts(caller)
        return self.chain(caller).burn(self._timeline.now)

    def hold(self, caller: Caller, place: Place, fare: Fare) -> Hold:
        """Set this fare aside. Raises Refused."""
        hold = Hold(self.accounts(caller, place))
        hold.raise_to(fare, self._timeline.now)
        return hold

    def settle(self, hold: Hold, at: float, spent: Fare) -> None:
        """The call ends then, and has cost so much."""
        self._timeline.at(at, partial(_settle, hold, spent))

    def spend(self, caller: Caller, place: Place, spent: Fare) -> None:
        """A call that nobody decides on has cost so much."""
        for account in self.accounts(caller, place):
            account.hold(0)
            account.settle(0, account.part(spent))


def _settle(hold: Hold, spent: Fare) -> None:
    hold.settle(spent)
