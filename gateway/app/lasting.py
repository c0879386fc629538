"""What outlives a configuration: whatever knows something of calls, or has some under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from gateway.app.batches import batches
from gateway.assembly.answers import each, looked_in
from gateway.assembly.deferred import Deferred
from gateway.assembly.finances import Finances
from gateway.assembly.fleet import fleet_of, metered, watch
from gateway.assembly.in_use import Pairs, called, configured
from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.routing import Seen, learning_of, pricing, wire
from gateway.assembly.told import Told
from gateway.config.settings import Settings
from gateway.front.deferred import later_pages
from gateway.front.feedback import Ratings
from gateway.front.peers import Worker
from gateway.front.replica import replica_teller
from gateway.front.self_service import self_service
from gateway.front.together import Together
from gateway.journey.answered import Answered
from gateway.journey.batches.desk import Desk
from gateway.journey.hedging import LeftBehind
from gateway.tokens import Tokens, kept
from gateway.upstream.retry import RetryBudget

if TYPE_CHECKING:
    from gateway.app.generation import Generation


class Lasting:
    """See the module. `now` is the generation in use; what is open, the stack closes when the last call is over."""

    def __init__(
        self,
        settings: Settings,
        told: Told,
        money: Finances,
        now: Callable[[], Generation],
        *,
        worker: Worker | None,
        ready: Callable[[], bool],
        stack: AsyncExitStack,
    ) -> None:
        self.told = told
        self.money = money
        self.clock = told.clock
        self.ready = ready
        self._now = now
        self._join_network(settings, None if worker is None else worker.number, stack)
        self._join_journey(settings, stack)
        self.together = Together(
            worker,
            told.metrics,
            told.live,
            money.mover.find,
            self.pricing.approve,
            prices=money.mover.prices,
            replica=replica_teller(
                money.replica, mover=money.mover, journal=money.journal, health=told.health, clock=self.clock
            ),
        )
        self._join_pages(settings, stack)

    def _join_network(self, settings: Settings, worker: int | None, stack: AsyncExitStack) -> None:
        """Where calls can go, at which prices, and what was learned of that."""
        self.wire = wire(settings)
        stack.push_async_callback(self.wire.close)
        self.fleet = metered(fleet_of(settings), self.clock())
        self.watch = watch(settings, self.fleet, self.wire, self.clock, self._forget)
        self.pricing = pricing(settings, self.wire, self.clock, self._forget, self._prices_in_use)
        self.learned_path = kept.learned_path(settings.home, worker)
        self.calibration = kept.calibration(self.learned_path)
        self.learning = learning_of(settings, self.clock)
        self.desk = Desk(self.wire, settings.providers.values())

    def _join_journey(self, settings: Settings, stack: AsyncExitStack) -> None:
        told, money = self.told, self.money
        self.tokens, self.retries, self.seen = Tokens(), RetryBudget(settings.routing.retry_budget), Seen()
        stack.callback(self.tokens.close)
        self.left_behind = LeftBehind()
        stack.push_async_callback(self.left_behind.close)
        looked = looked_in(settings, money.answers, told.metrics)
        self.answered = Answered(looked, money.idempotency, money.books, told.metrics)
        self.deferred = Deferred(
            settings,
            lambda: self._now().pipeline.setting_aside,
            money,
            told,
            lambda: self.pricing.book,
            replica=money.replica,
            stack=stack,
        )

    def _join_pages(self, settings: Settings, stack: AsyncExitStack) -> None:
        told, money, together = self.told, self.money, self.together
        self.batches = batches(settings, money, self.desk, lambda: self.pricing.book, stack=stack)
        hear = each(self.learning.hear, self.answered.hear)
        self.ratings = Ratings(together.find, money.ledger.rate, hear, told.metrics, self.clock)
        self.later = later_pages(self.deferred, together, self.clock)
        self.dashboard = self_service(settings, money.keyring.tenants, self.clock)

    def configure(self, settings: Settings) -> None:
        """These settings from now on. Fails at nothing, and waits for nothing: no call sees a part of them."""
        routing, prices = settings.routing, settings.prices
        self.wire.wait(**asdict(settings.timeouts))
        self.told.health.break_after(routing.breaker_failures, routing.breaker_open_s)
        self.retries.share = routing.retry_budget
        self.desk.know(settings.providers.values())
        self.pricing.configure(prices.overrides, prices.guard_factor)
        self.money.configure(settings.limits)

    async def called(self) -> Pairs:
        """What was called lately, by the ledger. Raises what reading it raises."""
        settings = self._now().settings

        def lately() -> Pairs:
            with ledger_reader(settings) as ledger:
                return called(settings, ledger, self.clock())

        return await asyncio.to_thread(lately)

    async def _prices_in_use(self) -> Pairs:
        """Here, by the configuration, and by the ledger. Raises what reading it raises."""
        return self.pricing.book.in_use() | configured(self._now().catalog) | await self.called()

    def _forget(self) -> None:
        self._now().catalog.forget()
