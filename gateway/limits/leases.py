"""Leases: what this replica may spend without asking. Opened when first needed, kept in step in the background.

The balance of an account comes from the ledger, which is the one source of truth; the store only
divides limits between replicas. Where others share the store, a lease is topped up ahead of need,
given back when somebody else is short, and waited for only by a hold that does not fit.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from math import inf
from typing import Any
from weakref import ref

from gateway.core.errors import Unavailable
from gateway.core.limit import Fare, ended_before
from gateway.core.rolling import books, length, record_of, width
from gateway.limits.accounts import Account
from gateway.limits.asks import closed, share, whole
from gateway.limits.booked import Balances, spent_on
from gateway.limits.holds import Charges, Hold
from gateway.limits.recall import Recall
from gateway.limits.thresholds import Thresholds
from gateway.limits.turns import Turns
from gateway.stores.base import KEPT_S, TURN_BITS, LeaseStore

REPORT_EVERY_S = 0.5
"""How old the picture of this replica may be in a store that it does not share. Nothing depends on it."""

SYNC_EVERY_S = 0.2
"""How long others may wait for what this replica does not need."""


class Leases:
    """Opens accounts, and keeps them and the store in step. `balances` reads from the ledger what this replica has
    spent on accounts: all that was ever spent, where it is the only one. `life`: how many processes had this replica's
    name before this one, whose words may still be on their way. `is_new`: whether nothing can be booked on an account,
    so that it opens without a word of the ledger."""

    def __init__(
        self,
        store: LeaseStore,
        replica: str,
        balances: Balances,
        clock: Callable[[], float] = time.time,
        thresholds: Thresholds | None = None,
        *,
        life: int = 0,
        is_new: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._replica = replica
        self._balances = balances
        self._clock = clock
        self._thresholds = thresholds
        self._known: dict[str, Account] = {}
        self._next_end = inf  # When the first of their windows ends.
        self._is_new = is_new
        self._beginning = Turns()  # Of windows that need no balance, and wait for nobody who needs one.
        self._opening = Turns()
        self._talking = Turns()  # What is told must be so until the answer is there.
        self._turns = count(life << TURN_BITS | 1)
        self._booked: tuple[str, ...] = ()  # Of earlier processes, in windows that may still run.
        self._recall = Recall(self._exchange)
        # Records that are not open here and of which the store is to hear, with what corrections gave back.
        self._untold: Counter[str] = Counter()
        self._telling: Counter[str] = Counter()  # Those of which it is about to hear,
        self._closing: asyncio.Task[None] | None = None  # by this task.
        self._leaving: dict[str, float] = {}  # Those that roll, and when what was told of them has left.
        self._epoch = store.epoch  # The store's, when it was last told everything.
        self.lent: Counter[str] = Counter()  # By rule, what was held without the store's word since this process began.

    @property
    def accounts(self) -> Iterable[Account]:
        """All that are open."""
        return [account for account in self._known.values() if account.open]

    def find(self, name: str) -> Account | None:
        """The account of this name, unless its window has ended and all is settled."""
        return self._known.get(name)

    def correct(self, charges: Charges) -> None:
        """What was booked on accounts long ago has come to so much more; or less, where negative. The entry that says
        so is written in the same turn of the event loop: what is not open here is read from the ledger once it is."""
        now = self._clock()
        for book, amount in charges:
            record = record_of(book, now)
            if record is None:
                continue
            if (account := self._known.get(record)) is not None:
                account.correct(book, amount)
            elif not (self._store.exclusive or ended_before(record, now)):
                self._untold[record] -= min(0, amount)

    async def resume(self, booked: Mapping[str, int]) -> None:
        """The journal of an earlier process of this name is replayed: what it leased and did not spend is free again.
        `booked`: what this replica has spent on accounts whose windows may still run, also where the store has
        forgotten. Raises Unavailable."""
        if not self._store.exclusive:
            await self._store.wanted(self._replica)  # From here on the clock is the store's, by which buckets leave.
            kept_from = self._clock() - KEPT_S
            known = [name for name in await self._store.records(self._replica) if not ended_before(name, kept_from)]
            spent = dict.fromkeys(known, 0) | await spent_on(known, self._balances, self._clock()) | dict(booked)
            await self._store.resume(self._replica, spent, next(self._turns))
            self._booked = tuple(booked)

    async def open(self, accounts: Sequence[Account]) -> None:
        """Load the balance and lease what there is. Raises Unavailable if the store does not answer, or the ledger that
        has to be asked."""
        async with self._beginning.next():
            if fresh := [a for a in accounts if not a.open and self._is_new(a.id)]:
                await self._open(fresh, {})
        if all(account.open for account in accounts):
            return
        async with self._opening.next():  # Two calls at once must not load one balance twice.
            if fresh := [a for a in accounts if not a.open]:
                balances = await self._balances([name for a in fresh for name in books(a.id, self._clock())])
                await self._open(fresh, balances)

    async def _open(self, fresh: Sequence[Account], balances: Mapping[str, int]) -> None:
        """In the turn of the event loop in which the balances were read: else a correction might come between."""
        for account in fresh:
            account.load(balances)
            account.back += self._untold.pop(account.id, 0) + self._telling.pop(account.id, 0)
            self._know(account)  # From here on, lest a lease whose word is lost is never given back.
        try:
            await self._exchange(fresh)
        except Unavailable:
            if self._store.exclusive or not all(account.lends for account in fresh):
                raise
            for account in fresh:
                account.leased = account.spent
        for account in fresh:
            account.open = True

    async def make_room(self, hold: Hold, fare: Fare) -> None:
        """Lease what the hold lacks to come to this fare, as far as it is to be had; where the store does not answer,
        borrow it as far as the limits allow. Raises Unavailable."""
        if self._store.exclusive:
            if behind := [account for account, _ in hold.lacking(fare) if account.behind]:
                await self._exchange(behind)
            return
        try:
            await self._recall.make_room(hold, fare)
        except Unavailable:
            lacking = hold.lacking(fare)
            if not all(account.may_borrow(amount) for account, amount in lacking):
                raise
            for account, amount in lacking:
                self.lent[account.limit.id] += account.borrow(amount)

    def make_room_soon(self, hold: Hold, fare: Fare) -> Coroutine[Any, Any, None] | None:
        """The same beside other things, and without raising; None where it would be of no use."""
        lacking = hold.lacking(fare)
        if any(account.hopeless(amount) for account, amount in lacking):
            return None
        if self._store.exclusive and not any(account.behind for account, _ in lacking):
            return None
        return self._try_to_make_room(hold, fare)

    async def _try_to_make_room(self, hold: Hold, fare: Fare) -> None:
        with suppress(Unavailable):
            await self.make_room(hold, fare)

    async def run(self, clock: Callable[[], float]) -> None:
        """Sync for ever. A store that does not answer is asked again next time."""
        try:
            while True:
                await asyncio.sleep(REPORT_EVERY_S if self._store.exclusive else SYNC_EVERY_S)
                await self._try_to_sync(clock())
        finally:
            if self._closing is not None:
                self._closing.cancel()

    async def _try_to_sync(self, now: float) -> None:
        try:
            await self.sync(now)
        except Unavailable:
            for account in self._known.values():
                account.dry = None  # What was not to be had is not known any more.

    async def sync(self, now: float) -> None:
        """Tell the store what has changed, lease ahead, give back what others are short of; forget windows that have
        ended and are settled; and tell which thresholds are passed."""
        wanted: Collection[str] = () if self._store.exclusive else await self._store.wanted(self._replica)
        epoch = self._store.epoch
        stirred = [account for account in self._known.values() if account.stirred]  # Of many thousands, few are.
        for account in stirred:
            account.begin_period()
        forgot = epoch != self._epoch
        if news := list(self._known.values()) if forgot else self._news(stirred, wanted):
            await self._exchange(news, wanted)
        for account in stirred:
            account.stirred = bool(account.pace or account.limit.rolling_s) or self._is_news(account)
        names = (*wanted, *(self._booked if forgot else ()), *self._left(now))
        self._untold.update({name: 0 for name in names if name not in self._known})
        self._epoch = epoch
        if now >= self._next_end:
            self._forget(now)
        if self._thresholds is not None:
            await self._thresholds.tell(now)
        await self._tell_of_closed()

    def _forget(self, now: float) -> None:
        """Of windows that have ended, what is settled, once all that was spent in it is told."""
        over = [a for a in self._known.values() if a.window.end <= now and not (a.held or a.waiting or a.short)]
        for account in over:
            if account.reported is not None and account.reported[0] == account.spent:
                del self._known[account.id]
                account.close()
        self._next_end = min((account.window.end for account in self._known.values()), default=inf)

    def forget_unused(self) -> None:
        """Forget accounts on which nothing is spent and of which nobody has anything to hear; but not those that a call
        has in hand, for all must settle on the same one. What is leased there is given back once others lack it."""
        unused = [a.id for a in self._known.values() if a.unused and not self._is_news(a)]
        forgotten = {name: ref(self._known.pop(name)) for name in unused}
        in_hand = ((name, found()) for name, found in forgotten.items())
        self._known |= {name: account for name, account in in_hand if account is not None}

    def _know(self, account: Account) -> None:
        self._known[account.id] = account
        self._next_end = min(self._next_end, account.window.end)

    def _left(self, now: float) -> list[str]:
        """Rolling records that are not open here, and what was told of them counts no more."""
        left = [record for record, at in self._leaving.items() if at <= now]
        for record in left:
            del self._leaving[record]
        return left

    async def _tell_of_closed(self) -> None:
        """What was spent where nothing is open only the ledger knows. Nobody waits for a slow one longer than for a
        sync."""
        if self._untold and self._closing is None:
            self._closing = asyncio.create_task(self._tell_untold())
            await asyncio.wait({self._closing}, timeout=SYNC_EVERY_S)
        if self._closing is not None and self._closing.done():
            told, self._closing = self._closing, None
            told.result()  # What went wrong there is the sync's.

    async def _tell_untold(self) -> None:
        """On accounts that are not open here nothing is needed: of windows that have ended, of callers who have not
        come since the start, or leased by the late word of an earlier process."""
        self._telling, self._untold = self._untold, Counter()
        sent: dict[str, int] = {}
        try:
            spent = await spent_on(list(self._telling), self._balances, now := self._clock())
            async with self._talking.next():
                sent = {name: self._telling.pop(name) for name in [*self._telling] if name not in self._known}
                asks = [closed(name, spent[name], back, next(self._turns)) for name, back in sent.items()]
                await self._store.exchange(self._replica, asks)
            sent = {}
            rolling = [(ask.record, seconds) for ask in asks if ask.spent and (seconds := length(ask.record))]
            self._leaving |= {record: now + seconds + width(seconds) for record, seconds in rolling}
        except Unavailable:
            pass
        finally:  # What it has not heard is told by the account, where one is known by now, or with the next sync.
            unheard, self._telling = sent | self._telling, Counter()
            for name, back in unheard.items():
                if (account := self._known.get(name)) is not None:
                    account.back += back
                else:
                    self._untold[name] += back

    def _news(self, stirred: Iterable[Account], wanted: Iterable[str]) -> list[Account]:
        """Of which accounts the store should hear."""
        asked = [account for name in wanted if (account := self._known.get(name)) is not None]
        return list(dict.fromkeys([*asked, *filter(self._is_news, stirred)]))

    def _is_news(self, account: Account) -> bool:
        if account.behind:
            return True
        if self._store.exclusive:
            return account.reported is None or account.reported[0] != account.spent
        told = account.reported == (account.spent, account.held)
        return not told or account.runs_low or account.short or account.dry is not None or bool(account.waiting)

    async def _exchange(self, accounts: Sequence[Account], wanted: Collection[str] = ()) -> None:
        async with self._talking.next():
            for account in accounts:
                if account.yields or (account.id in wanted and not account.waiting):
                    account.give_back()
            fallen = [account.fallen for account in accounts]
            asks = [whole(a) if self._store.exclusive else share(a, next(self._turns)) for a in accounts]
            words = await self._store.exchange(self._replica, asks)
            for account, ask, word, fell in zip(accounts, asks, words, fallen, strict=True):
                self._know(account)
                account.heard(word, ask.spent, ask.held, fell)
                account.back -= ask.back
            if self._thresholds is not None:
                self._thresholds.note(accounts)
