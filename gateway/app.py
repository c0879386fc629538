"""The composition root: the only place where parts are chosen and joined."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

from gateway.assembly import (
    add_gauges,
    catalog,
    claim_store,
    journal_of,
    key_store,
    lease_store,
    pepper,
    replica_name,
    router,
    signers,
    with_simulator,
)
from gateway.cache.exact import ExactCache
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.front.listener import Listener
from gateway.front.peers import Worker
from gateway.front.server import Front
from gateway.front.together import Together
from gateway.journey.answered import Answered
from gateway.journey.asking import Asking
from gateway.journey.booking import Books
from gateway.journey.idempotency import ANSWERS_BYTES_MAX, Idempotency
from gateway.journey.telling import Telling
from gateway.keyring import Keyring
from gateway.ledger.journal import Journal
from gateway.ledger.mover import AUDIT_EVERY_S, Mover
from gateway.ledger.sqlite import SqliteLedger
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.pipeline import Pipeline
from gateway.prices.current import Pricing
from gateway.prices.stored import Shelf
from gateway.simulator import Settings as SimulatorSettings
from gateway.simulator import start as start_simulator
from gateway.stores.claims import CLAIM_KEPT_S
from gateway.telemetry.live import Live
from gateway.telemetry.metrics import Metrics
from gateway.tokens import Tokens, kept
from gateway.upstream.health import Health
from gateway.upstream.retry import RetryBudget
from gateway.upstream.wire import Wire

RECORDS_KEPT_S = 48 * 3600.0
"""How long after it began a record of a window of an hour or less is kept."""

log = logging.getLogger("fareway")


class Gateway:
    """One gateway process: `async with Gateway(settings)` runs it. `failed` is set if a background task dies.

    `worker` says which of several it is that share the home, its limits and its port.
    """

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.time, worker: Worker | None = None
    ) -> None:
        self.settings = settings
        self.worker = worker
        self._clock = clock
        self._stack = AsyncExitStack()
        self.live = Live()
        self.failed = asyncio.Event()
        self.serving = False
        self.port = settings.server.port
        self.recovered = (0, 0)  # Entries found settled and unresolved in the journal of an earlier process.

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.serving = False
        self.live.close()
        await self._stack.aclose()

    async def _start(self) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.settings.providers:
            self.settings = await self._with_simulator(self.settings)
        settings = self.settings
        self.replica = replica_name(settings, self.worker.number if self.worker else None)
        alone = self.worker is None and settings.shared is None
        self.ledger = SqliteLedger(settings.ledger, None if alone else self.replica)
        self._stack.callback(self.ledger.close)
        self.journal = Journal(
            journal_of(settings, self.worker.number if self.worker else None), settings.journal_sync_s
        )
        self._stack.callback(self.journal.close)
        self.mover = Mover(self.journal, self.ledger)
        self.recovered = await self.mover.recover()
        self._stack.push_async_callback(self._move_the_rest)
        self._join_money()
        await self.leases.resume()
        await self._join_idempotency(alone=alone)
        self._join_routing()
        front = self._join_front()
        self._run_in_background()
        if (answering := await self.together.listen()) is not None:
            self._stack.callback(answering.close)
        await self._listen(front)
        self.serving = True

    def _join_money(self) -> None:
        settings = self.settings
        self._learned_path = kept.learned_path(settings.home, self.worker.number if self.worker else None)
        self.store = lease_store(settings, several=self.worker is not None)
        self._stack.push_async_callback(_closed, self.store)
        self.leases = Leases(self.store, self.replica, self.ledger.balances)
        self._stack.push_async_callback(self._give_back)
        self.limits = Limits(settings.limits, self.leases, self._clock)
        self.metrics = Metrics()
        self.health = Health(failures_max=settings.routing.breaker_failures, open_s=settings.routing.breaker_open_s)
        telling = Telling(self.metrics, self.live, self.health, self._clock)
        self.books = Books(self.limits, self.journal, self._clock, telling.booked, self.replica)
        keys = key_store(settings)
        self._stack.callback(keys.close)
        self.keyring = Keyring(keys, pepper(settings), local=settings.shared is None)

    async def _join_idempotency(self, *, alone: bool) -> None:
        self.claims = claim_store(self.settings)
        self._stack.push_async_callback(self.claims.close)
        await self.claims.resume(None if alone else self.replica)
        answers = ExactCache(ttl_s=CLAIM_KEPT_S, bytes_max=ANSWERS_BYTES_MAX)
        self.idempotency = Idempotency(self.claims, answers, self.replica, self._clock)
        self._stack.push_async_callback(self.idempotency.tell)

    def _join_routing(self) -> None:
        settings, timeouts = self.settings, self.settings.timeouts
        self.wire = Wire(
            connect_s=timeouts.connect_s,
            first_byte_s=timeouts.first_byte_s,
            idle_s=timeouts.idle_s,
            total_s=timeouts.total_s,
        )
        self._stack.push_async_callback(self.wire.close)
        prices = settings.prices
        self.pricing = Pricing(
            prices.overrides,
            self.wire.get,
            self._clock,
            self._prices_changed,
            shelf=Shelf(settings.home),
            feed_url=prices.feed_url,
            feed_every_s=prices.feed_every_s,
            guard_factor=prices.guard_factor,
        )
        self.catalog = catalog(settings, lambda: self.pricing.book, self._clock)
        self.calibration = kept.calibration(self._learned_path)
        self.router = router(settings, self.catalog, self.health, self._clock, self.calibration)

    def _join_front(self) -> Front:
        settings, monotonic = self.settings, time.perf_counter
        add_gauges(
            self.metrics.gauges,
            mover=self.mover,
            journal=self.journal,
            pricing=self.pricing,
            leases=self.leases,
            calibration=self.calibration,
            breakers=lambda: self.health.states(self._clock()),
        )
        tokens = Tokens()
        self._stack.callback(tokens.close)
        routing = settings.routing
        retries = RetryBudget(routing.retry_budget)
        asking = Asking(
            self.wire,
            self.health,
            retries,
            rounds=routing.retry_rounds,
            clock=self._clock,
            signers=signers(settings),
        )
        cache = ExactCache(ttl_s=settings.cache.ttl_s, bytes_max=settings.cache.bytes_max)
        pipeline = Pipeline(
            tenants=self.keyring.tenants,
            router=self.router,
            tokens=tokens,
            calibration=self.calibration,
            answered=Answered(cache, self.idempotency, self.books, self.metrics),
            books=self.books,
            asking=asking,
            metrics=self.metrics,
            refuse_unpriced=settings.prices.unknown == "refuse",
            clock=self._clock,
            monotonic=monotonic,
        )
        self.together = Together(
            self.worker, self.metrics, self.live, self.mover.find, self.pricing.approve, prices=self.mover.prices
        )
        return Front(
            pipeline,
            self.catalog,
            self.together,
            lambda: self.serving,
            settings.server.body_bytes_max,
            settings.server.body_timeout_s,
        )

    async def _listen(self, front: Front) -> None:
        settings = self.settings.server
        listener = Listener(front.handle, header_timeout_s=settings.header_timeout_s)
        self.port = await listener.listen(settings.host, settings.port, shared=self.worker is not None)
        self._stack.push_async_callback(listener.close, settings.drain_s, settings.ready_grace_s)

    def _run_in_background(self) -> None:
        for work in (
            self.journal.keep_synced(),
            self.mover.run(),
            self.leases.run(self._clock),
            self.pricing.run(),
            self.keyring.watch(),
            self.idempotency.run(),
            kept.keep(self._learned_path, self.calibration),
            self._audit(),
        ):
            task = asyncio.create_task(self._guarded(work))
            self._stack.push_async_callback(_cancelled, task)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("a background task died; the gateway stops")
            self.failed.set()

    async def _audit(self) -> None:
        while True:
            await asyncio.sleep(AUDIT_EVERY_S)
            with suppress(Unavailable):  # The next one will do.
                await self.mover.audit(self.leases.accounts)
                await self.ledger.sweep(self._clock() - RECORDS_KEPT_S)
                await self.store.sweep(self._clock() - RECORDS_KEPT_S)
                await self.claims.sweep()

    async def _give_back(self) -> None:
        """What is leased and was not spent is for others, also if this home never comes back."""
        with suppress(Unavailable):  # Its next start says it.
            await self.mover.move()
            await self.leases.resume()

    async def _move_the_rest(self) -> None:
        with suppress(Unavailable):  # The journal keeps it for the next start.
            await self.mover.move()

    async def _with_simulator(self, settings: Settings) -> Settings:
        """Nothing is configured: the built-in simulator answers, on a port of its own."""
        bill = settings.home / "simulator-bill.jsonl"
        running = await start_simulator(SimulatorSettings(bill=bill), "127.0.0.1", 0)
        self._stack.push_async_callback(running.stop)
        return with_simulator(settings, running.url)

    def _prices_changed(self) -> None:
        self.catalog.forget()


async def _closed(store: Any) -> None:
    """Some let go of a file, others of connections."""
    closing = store.close()
    if closing is not None:
        await closing


async def _cancelled(task: asyncio.Task[None]) -> None:
    while not task.done():  # Again, should something have swallowed it.
        task.cancel()
        await asyncio.wait([task], timeout=1)
