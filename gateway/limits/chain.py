"""The limits that speak about one caller, and taking from all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import replace
from math import inf
from operator import attrgetter
from typing import Any
from weakref import ref

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached
from gateway.core.limit import Fare, HoldMode, Limit, Mode
from gateway.core.money import Money
from gateway.core.node import Place, breadth, placed
from gateway.limits.accounts import Account
from gateway.limits.holds import Charges, Hold, Refused, refused
from gateway.limits.leases import Leases
from gateway.limits.line import Spot
from gateway.limits.rules import Rules
from gateway.limits.series import Series

CHAINS_KEPT_MAX = 100_000
"""Callers whose chain is remembered; past it all are worked out anew."""

SERIES_KEPT_MAX = 20_000
"""Limits of single nodes that are remembered, also without need. More are there only where they are in use."""

BURN_KEPT_S = 1.0
"""How old the pace of a caller's budgets may be."""


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
        self.queues = any(s.line is not None for s in series)
        # Whether a limit lets pass what it would refuse, and is to tell.
        self.lenient = any(s.limit.mode is not Mode.HARD for s in series)
        self._accounts: tuple[Account, ...] = ()
        self._since, self._until = inf, -inf  # When all of these windows run.
        self._burn: float | None = None
        self._burn_at = -inf  # When that was looked at.

    def at(self, now: float) -> tuple[Account, ...]:
        """The accounts of the windows that run at this moment."""
        if not self._since <= now < self._until:
            self._accounts = tuple(series.at(now) for series in self.series)
            self._since = max((a.window.start for a in self._accounts), default=-inf)
            self._until = min((a.window.end for a in self._accounts), default=inf)
        return self._accounts

    def burn(self, now: float) -> float | None:
        """How fast the hard budget in dollars burns that burns fastest, looked at once a second; None without one that
        has a window."""
        if not 0 <= now - self._burn_at < BURN_KEPT_S:
            paces = [account.burn(now) for account in self.at(now) if account.guards_money and account.open]
            self._burn = max((pace for pace in paces if pace is not None), default=None)
            self._burn_at = now
        return self._burn


class Limits:
    """All limits. What a call takes, it takes from every account of its chain or from none."""

    def __init__(self, limits: Iterable[Limit], leases: Leases, clock: Callable[[], float]) -> None:
        self._rules = Rules(limits)
        self._leases = leases
        self._clock = clock
        self._series: dict[tuple[str, str], Series] = {}  # By node and what is counted.
        self._series_max = SERIES_KEPT_MAX
        self._chains: dict[Caller | tuple[Caller, Place], Chain] = {}

    def rule(self, limits: Iterable[Limit]) -> None:
        """These are the rules from now on. What accounts have spent and hold stays; what they do not need of a
        smaller amount is given up at once, and more of a larger one leased within half a second."""
        before, self._rules = self._rules, Rules(limits)
        self._chains.clear()
        for node, counts in self._concerned(self._rules.unlike(before)):
            series, limit = self._series[node, counts], self._rules.at(node).get((node, counts))
            if limit is None:  # Calls in flight settle there; nothing is refused or told any more. It may come back.
                limit = replace(series.limit, mode=Mode.SHADOW, alert=())
            if limit != series.limit:
                series.ruled(limit)

    def _concerned(self, changed: Collection[Limit]) -> list[tuple[str, str]]:
        """The series of which one of these speaks: of many thousands mostly one, and nothing else runs meanwhile."""
        named = {(limit.node, limit.counts) for limit in changed}
        stars = {limit.counts for limit in changed if breadth(limit.node)}
        if not stars:
            return [key for key in named if key in self._series]
        rules = Rules(changed)
        return [key for key in self._series if key in named or (key[1] in stars and rules.speak_of(*key))]

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
        key = (node, limit.counts)
        if key not in self._series:
            if len(self._series) >= self._series_max:
                self._forget_unused()
            self._series[key] = Series(limit, node, self._clock, self._leases.find)
        return self._series[key]

    def _forget_unused(self) -> None:
        """Callers may invent any number of models, each a node of its own, by calls that cost nothing. A call that is
        about to take from one has it in hand, and must find that everybody else has the same."""
        self._chains.clear()
        unused = {key: ref(series) for key, series in self._series.items() if series.unused}
        for key in unused:
            del self._series[key]
        in_hand = ((key, found()) for key, found in unused.items())
        self._series |= {key: series for key, series in in_hand if series is not None}
        self._leases.forget_unused()
        self._series_max = max(SERIES_KEPT_MAX, 2 * len(self._series))  # Else each new one might look at all.

    async def accounts(self, caller: Caller, place: Place | None = None) -> tuple[Account, ...]:
        """The accounts of a call now, opened where need be. Raises Unavailable if the store does not answer."""
        return await self._opened(self._whole(caller, place))

    def running(self, now: float) -> list[Account]:
        """The accounts of windows that run and that a limit speaks of, as far as this process has opened them."""
        running = [a for a in self._leases.accounts if a.window.start <= now < a.window.end]
        return [a for a in running if self._rules_it(a)]

    def _rules_it(self, account: Account) -> bool:
        """Whether a limit speaks of it, in such windows: it may have others by now."""
        limit = self._rules.at(account.node).get((account.node, account.limit.counts))
        return limit is not None and limit.keeps_time_with(account.limit)

    def _whole(self, caller: Caller, place: Place | None) -> Chain:
        return self.chain(caller, place if self._rules.any_placed else None)

    async def _opened(self, chain: Chain) -> tuple[Account, ...]:
        accounts = chain.at(self._clock())
        for account in accounts:
            if not account.open:
                await self._leases.open(accounts)
                break
        return accounts

    async def hold(
        self,
        caller: Caller,
        fare: Fare,
        ceiling: Account | None = None,
        place: Place | None = None,
        *,
        spot: Spot | None = None,
        patient: bool = True,
    ) -> Hold:
        """Set this fare aside on the whole chain of a call, and within its own ceiling. `spot`: where it stands in a
        line, if it waits. `patient`: other replicas are waited for. Raises LimitReached or Unavailable."""
        chain = self._whole(caller, place)
        accounts = await self._opened(chain)
        hold = Hold(accounts if ceiling is None else (*accounts, ceiling))
        if chain.queues:
            self._refuse_to_overtake(hold, fare, spot)
        if patient:
            await self.raise_to(hold, fare)
        else:
            hold.raise_to(fare, self._clock())
        if chain.lenient:
            hold.passed = tuple([a for a in accounts if not a.hard and a.left < 0 and a.part(fare)])
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

    def _refuse_to_overtake(self, hold: Hold, fare: Fare, spot: Spot | None) -> None:
        """Raise LimitReached where others wait for what this call would take. What does not fit is refused anyway."""
        for account in hold.accounts:
            line = account.line
            if line is not None and account.part(fare) and not line.may_go(spot) and not hold.lacking(fare):
                raise refused(account, account.part(fare), self._clock())

    async def room(self, caller: Caller, ceiling: Account | None = None) -> Room:
        """What the chain and the ceiling leave to a call. Raises Unavailable."""
        accounts = await self.accounts(caller)
        return Room(accounts if ceiling is None else (*accounts, ceiling))

    async def wait(self, refused: Refused, spot: Spot, until: float) -> None:
        """Wait at this spot in the line of the limit that refused, until there may be room. `until` is in the time of
        the event loop. Raises TimeoutError."""
        account, reset_in_s = refused.account, refused.refusal.resets_in_s
        lacks = [refused.amount] if spot.is_first else []
        account.waiting += lacks  # Other replicas are asked for it.
        account.stirred = True
        try:
            await spot.turn(until, inf if reset_in_s is None else reset_in_s)
        finally:
            for amount in lacks:
                account.waiting.remove(amount)

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

    def correct(self, charges: Charges) -> None:
        """See `Leases.correct`."""
        self._leases.correct(charges)

    async def remaining(self, caller: Caller) -> Money | None:
        """What is left on the tightest hard budget in dollars; None if there is none."""
        return remaining(await self.accounts(caller))

    async def attainable(self, caller: Caller) -> Money | None:
        """The same, with what others held when the store last spoke: by now they may have given it back."""
        left = [a.left + a.others.held for a in await self.accounts(caller) if a.guards_money]
        return Money.of_nanos(max(0, min(left))) if left else None

    def burn(self, caller: Caller) -> float | None:
        """See `Chain.burn`. Of accounts that are not open yet nothing is known."""
        return self.chain(caller).burn(self._clock())

    def remaining_now(self, caller: Caller) -> Money | None:
        """See `remaining`, without waiting for anything, for telling: of accounts not open yet nothing is known."""
        return remaining([a for a in self.chain(caller).at(self._clock()) if a.open])


REACHES: tuple[Callable[[Account], int], ...] = (
    attrgetter("left"),  # All that other replicas do not use, which they may give back or not.
    attrgetter("unleased"),
    attrgetter("available"),
)
"""How much of a limit a call may hope for, the most first."""


class Room:
    """What accounts leave to one call, for asking what would fit."""

    def __init__(self, accounts: tuple[Account, ...]) -> None:
        self._hard = [account for account in accounts if account.hard]

    def covers(self, fare: Fare, reach: Callable[[Account], int]) -> bool:
        """Whether that much is within reach, one of REACHES."""
        return all(not (amount := a.part(fare)) or amount <= reach(a) for a in self._hard)


def remaining(accounts: Iterable[Account]) -> Money | None:
    """What is left on the tightest hard budget in dollars; None if there is none."""
    left = [a.left for a in accounts if a.guards_money]
    return Money.of_nanos(max(0, min(left))) if left else None
