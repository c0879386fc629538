"""What was charged, and what may be spent: the books, the limits and the keys of one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from typing import Self

from gateway.assembly.answers import kept_answers
from gateway.assembly.figures import add_store_figures
from gateway.assembly.home import journal_of, next_life
from gateway.assembly.ledgers import gateway_ledger, recover_workers
from gateway.assembly.stores import claim_store, closed, lease_store, pepper, registry
from gateway.assembly.told import Told
from gateway.cache.exact import ExactCache
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.core.limit import Limit
from gateway.core.tenant import Rule
from gateway.directory.rules import in_force
from gateway.journey.books import Books
from gateway.journey.idempotency import ANSWERS_BYTES_MAX, Idempotency
from gateway.journey.outages import Outages
from gateway.keyring import Keyring
from gateway.ledger.balances import Balances
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.limits.booked import booked_by
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.limits.thresholds import Thresholds
from gateway.stores.claims import CLAIM_KEPT_S
from gateway.stores.clock import StoreClock


class Finances:
    """`await Finances(…).open()`. What it opens, the stack closes, when the last call is over.

    `number`: which of several workers this is; None where there is one.
    """

    def __init__(
        self,
        settings: Settings,
        told: Told,
        clock: StoreClock,
        stack: AsyncExitStack,
        *,
        replica: str,
        number: int | None,
    ) -> None:
        self._settings = settings
        self._told = told
        self._clock: Callable[[], float] = told.clock
        self._store_clock = clock
        self._stack = stack
        self._number = number
        self._alone = number is None and settings.shared is None
        self.replica = replica
        self.configured = settings.limits
        self.recovered = (0, 0)  # Entries found settled and unresolved in the journal of an earlier process.

    async def open(self) -> Self:
        """Open the books, replay what an earlier process left, and know what is spent."""
        await self._open_books()
        self._join_limits(Balances(self.mover.balances, max(self._clock(), await self.ledger.newest())))
        await self.leases.resume(await self._booked())
        await self._join_idempotency()
        return self

    async def _open_books(self) -> None:
        settings = self._settings
        self.ledger = await gateway_ledger(settings, None if self._alone else self.replica)
        self._stack.callback(self.ledger.close)
        self.journal = Journal(journal_of(settings, self._number), settings.journal_sync_s)
        self._stack.callback(self.journal.close)
        self.mover = Mover(self.journal, self.ledger)
        self.recovered = await self.mover.recover()
        if self._number is None:
            left = await recover_workers(settings, self.ledger)
            self.recovered = (self.recovered[0] + left[0], self.recovered[1] + left[1])
        self._stack.push_async_callback(self._move_the_rest)

    def _join_limits(self, balances: Balances) -> None:
        settings, told = self._settings, self._told
        outages = Outages(told.live, lambda: self.leases.lent, told.alarms.store)
        self.store = lease_store(settings, self._store_clock, outages.changed, several=self._number is not None)
        self._stack.push_async_callback(closed, self.store)
        thresholds = Thresholds(self.store, told.telling.passed)
        life = next_life(settings, self._number)
        self.leases = Leases(
            self.store, self.replica, balances.of, self._clock, thresholds, life=life, is_new=balances.is_new
        )
        self._stack.push_async_callback(self._give_back)
        if settings.shared is not None:
            add_store_figures(told.metrics, self.store, self._store_clock, self.leases)
        self.limits = Limits(settings.limits, self.leases, self._clock)
        hears = told.telling
        self.books = Books(
            self.limits, self.journal, self._clock, hears.booked, self.replica, hears.voided, alone=self._alone
        )
        kept_keys, beside = registry(settings), registry(settings)
        for kept in (kept_keys, beside):
            self._stack.callback(kept.close)
        self.answers = kept_answers(settings, self._clock, self._stack)
        self.keyring = Keyring(
            kept_keys, beside, pepper(settings), self._rule, self.answers.clear, local=settings.shared is None
        )

    async def _join_idempotency(self) -> None:
        self.claims = claim_store(self._settings)
        self._stack.push_async_callback(self.claims.close)
        await self.claims.resume(None if self._alone else self.replica)
        answers = ExactCache(ttl_s=CLAIM_KEPT_S, bytes_max=ANSWERS_BYTES_MAX)
        self.idempotency = Idempotency(self.claims, answers, self.replica, self._clock)
        self._stack.push_async_callback(self.idempotency.tell)

    def configure(self, limits: tuple[Limit, ...]) -> None:
        """These are the configuration's limits from now on."""
        self.configured = limits
        self._rule(self._set)

    def _rule(self, stored: Iterable[Rule]) -> None:
        self._set = tuple(stored)
        self.in_force = in_force(self.configured, self._set)
        self.limits.rule(self.in_force)

    async def _booked(self) -> dict[str, int]:
        """What this replica has spent, where others must know of it."""
        if self.store.exclusive:
            return {}
        await self.store.learn_time()
        return booked_by(self.replica, await self.ledger.all_balances(), self._clock())

    async def _give_back(self) -> None:
        """What is leased and was not spent is for others, also if this home never comes back."""
        with suppress(Unavailable):  # Its next start says it.
            await self.mover.move()
            await self.leases.resume(await self._booked())

    async def _move_the_rest(self) -> None:
        with suppress(Unavailable):  # The journal keeps it for the next start.
            await self.mover.move()
