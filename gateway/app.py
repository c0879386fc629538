"""The composition root: the only place where parts are chosen and joined."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Self

from gateway import background
from gateway.admin import server as admin
from gateway.admin.assembly import admin_site, replica_teller
from gateway.assembly.alerts import Alarms
from gateway.assembly.answers import each, kept_answers, looked_in
from gateway.assembly.exports import exports
from gateway.assembly.figures import add_gauges, add_store_figures
from gateway.assembly.home import journal_of, next_life, replica_name
from gateway.assembly.routing import catalog, hedging, learning_of, pricing, router, signers, wire
from gateway.assembly.simulated import needs_simulator, started_simulator, with_simulator
from gateway.assembly.stores import claim_store, closed, lease_store, pepper, registry
from gateway.bookkeeping import gateway_ledger, ledger_reader, recover_workers
from gateway.cache.exact import ExactCache
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.core.limit import Limit
from gateway.directory.rules import in_force
from gateway.front.batch_assembly import batch_pages
from gateway.front.feedback import Ratings
from gateway.front.listener import Listener
from gateway.front.peers import Worker
from gateway.front.server import Front
from gateway.front.together import Together
from gateway.journey.answered import Answered
from gateway.journey.booking import Books
from gateway.journey.idempotency import ANSWERS_BYTES_MAX, Idempotency
from gateway.journey.outages import Outages
from gateway.journey.reached import Detours
from gateway.journey.telling import Telling
from gateway.journey.untouched import PassThrough
from gateway.keyring import Keyring
from gateway.ledger.balances import Balances
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.limits.booked import booked_by
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.limits.thresholds import Thresholds
from gateway.pipeline import Pipeline
from gateway.stores.claims import CLAIM_KEPT_S
from gateway.stores.clock import StoreClock
from gateway.telemetry.live import Live
from gateway.telemetry.metrics import Metrics
from gateway.tokens import Tokens, kept
from gateway.upstream.health import Health


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
        self.admin_port: int | None = None
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
        if needs_simulator(self.settings):
            simulator = await started_simulator(self.settings.home)
            self._stack.push_async_callback(simulator.stop)
            self.settings = with_simulator(self.settings, simulator.url)
        settings = self.settings
        self.replica = replica_name(settings, self.worker.number if self.worker else None)
        alone = self.worker is None and settings.shared is None
        self.ledger = await gateway_ledger(settings, None if alone else self.replica)
        self._stack.callback(self.ledger.close)
        self.journal = Journal(
            journal_of(settings, self.worker.number if self.worker else None), settings.journal_sync_s
        )
        self._stack.callback(self.journal.close)
        self.mover = Mover(self.journal, self.ledger)
        self.recovered = await self.mover.recover()
        if self.worker is None:
            left = await recover_workers(settings, self.ledger)
            self.recovered = (self.recovered[0] + left[0], self.recovered[1] + left[1])
        self._stack.push_async_callback(self._move_the_rest)
        self._join_money(Balances(self.mover.balances, max(self._clock(), await self.ledger.newest())))
        await self.leases.resume(await self._booked())
        await self._join_idempotency(alone=alone)
        self._join_routing()
        front = self._join_front()
        self._run_in_background()
        if (answering := await self.together.listen()) is not None:
            self._stack.callback(answering.close)
        if settings.server.admin:
            await self._listen_to_admins()
        await self._listen(front)
        self.serving = True

    async def _booked(self) -> dict[str, int]:
        """What this replica has spent, where others must know of it."""
        if self.store.exclusive:
            return {}
        await self.store.learn_time()
        return booked_by(self.replica, await self.ledger.all_balances(), self._clock())

    def _join_money(self, balances: Balances) -> None:
        settings = self.settings
        self._learned_path = kept.learned_path(settings.home, self.worker.number if self.worker else None)
        clock, outages = (
            StoreClock(self._clock),
            Outages(self.live, lambda: self.leases.lent, self._store_alarm),
        )
        self.store = lease_store(settings, clock, outages.changed, several=self.worker is not None)
        self._stack.push_async_callback(closed, self.store)
        life = next_life(settings, self.worker.number if self.worker else None)
        self.metrics = Metrics()
        if settings.shared is not None:
            self._clock = clock
        self.health = Health(failures_max=settings.routing.breaker_failures, open_s=settings.routing.breaker_open_s)
        self.alarms = Alarms(settings, self._clock, self.metrics, self.replica)
        telling = Telling(self.metrics, self.live, self.health, self._clock, self.alarms.threshold)
        thresholds = Thresholds(self.store, telling.passed)
        self.leases = Leases(self.store, self.replica, balances.of, self._clock, thresholds, life=life)
        self._stack.push_async_callback(self._give_back)
        if settings.shared is not None:
            add_store_figures(self.metrics, self.store, clock, self.leases)
        self.limits = Limits(settings.limits, self.leases, self._clock)
        self.books = Books(self.limits, self.journal, self._clock, telling.booked, self.replica)
        kept_keys = registry(settings)
        self._stack.callback(kept_keys.close)
        self.answers = kept_answers(settings, self._clock, self._stack)
        self.keyring = Keyring(
            kept_keys, pepper(settings), self._rule, self.answers.clear, local=settings.shared is None
        )

    def _store_alarm(self, down: bool) -> None:
        self.alarms.store(down)

    def _rule(self, stored: Iterable[Limit]) -> None:
        self.limits.rule(in_force(self.settings.limits, stored))

    async def _join_idempotency(self, *, alone: bool) -> None:
        self.claims = claim_store(self.settings)
        self._stack.push_async_callback(self.claims.close)
        await self.claims.resume(None if alone else self.replica)
        answers = ExactCache(ttl_s=CLAIM_KEPT_S, bytes_max=ANSWERS_BYTES_MAX)
        self.idempotency = Idempotency(self.claims, answers, self.replica, self._clock)
        self._stack.push_async_callback(self.idempotency.tell)

    def _join_routing(self) -> None:
        settings = self.settings
        self.wire = wire(settings)
        self._stack.push_async_callback(self.wire.close)
        self.catalog = catalog(settings, lambda: self.pricing.book, self._clock)
        self.pricing = pricing(settings, self.wire, self._clock, self.catalog.forget)
        self.calibration = kept.calibration(self._learned_path)
        self.learning = learning_of(settings, self._clock)
        self.router = router(settings, self.catalog, self.health, self._clock, self.calibration, learning=self.learning)

    def _join_front(self) -> Front:
        settings = self.settings
        add_gauges(
            self.metrics.gauges,
            mover=self.mover,
            journal=self.journal,
            prices=self.pricing,
            leases=self.leases,
            calibration=self.calibration,
            learning=self.learning,
            breakers=lambda: self.health.states(self._clock()),
        )
        tokens, signing = Tokens(), signers(settings)
        self._stack.callback(tokens.close)
        asking = hedging(settings, self.wire, self.health, self._clock, signing=signing, tokens=tokens)
        self._stack.push_async_callback(asking.close)
        kept_in = looked_in(settings, self.answers, self.metrics)
        pipeline = Pipeline(
            tenants=self.keyring.tenants,
            router=self.router,
            tokens=tokens,
            calibration=self.calibration,
            answered=Answered(kept_in, self.idempotency, self.books, self.metrics),
            books=self.books,
            asking=asking,
            detours=Detours(self.limits, self.router, tokens),
            metrics=self.metrics,
            refuse_unpriced=settings.prices.unknown == "refuse",
            clock=self._clock,
            monotonic=time.perf_counter,
        )
        self._join_together()
        self.batches = batch_pages(settings, pipeline, self.wire, self.catalog, self.mover, stack=self._stack)
        hear = each(self.learning.hear, pipeline.answered.hear)
        return Front(
            pipeline,
            self.catalog,
            self.together,
            PassThrough(self.books, self.wire, signing, pipeline.refuse_unpriced, time.perf_counter),
            self.batches,
            Ratings(self.together.find, self.ledger.rate, hear, self.metrics, self._clock),
            lambda: self.serving,
            *(settings.server.body_bytes_max, settings.server.body_timeout_s),
        )

    def _join_together(self) -> None:
        self.together = Together(
            self.worker,
            self.metrics,
            self.live,
            self.mover.find,
            self.pricing.approve,
            prices=self.mover.prices,
            replica=replica_teller(
                self.replica, mover=self.mover, journal=self.journal, health=self.health, clock=self._clock
            ),
        )

    async def _listen_to_admins(self) -> None:
        settings, several = self.settings, self.worker is not None
        site = admin_site(
            settings,
            keyring=self.keyring,
            limits=self.limits,
            together=self.together,
            pricing=self.pricing,
            store=self.store,
            learning=self.learning,
            stack=self._stack,
            clock=self._clock,
        )
        listening = await admin.listen(site, settings.server.admin_host, settings.server.admin_at, shared=several)
        self._stack.push_async_callback(listening.stop)
        self.admin_port = listening.port

    async def _listen(self, front: Front) -> None:
        settings = self.settings.server
        listener = Listener(
            front.handle, header_timeout_s=settings.header_timeout_s, trusted_proxies=settings.trusted_proxies
        )
        self.port = await listener.listen(settings.host, settings.port, shared=self.worker is not None)
        self._stack.push_async_callback(listener.close, settings.drain_s, settings.ready_grace_s)

    def _run_in_background(self) -> None:
        settings, worker = self.settings, self.worker.number if self.worker else None
        works = (
            self.journal.keep_synced(),
            self.mover.run(),
            self.leases.run(self._clock),
            self.pricing.run(),
            self.learning.run(self.ledger.ratings),
            self.keyring.watch(),
            self.idempotency.run(),
            self.batches.settling.run(),
            exports(settings, partial(ledger_reader, settings), self._clock, self.metrics, worker).run(),
            kept.keep(self._learned_path, self.calibration),
            background.audit(self.mover, self.leases, self.claims, self._clock, self.ledger, self.store),
        )
        alarms = self.alarms.works(worker, self.pricing, self.keyring, lambda: self.mover.drift, self.health)
        background.run((*works, *alarms), self._stack, self.failed)

    async def _give_back(self) -> None:
        """What is leased and was not spent is for others, also if this home never comes back."""
        with suppress(Unavailable):  # Its next start says it.
            await self.mover.move()
            await self.leases.resume(await self._booked())

    async def _move_the_rest(self) -> None:
        with suppress(Unavailable):  # The journal keeps it for the next start.
            await self.mover.move()
