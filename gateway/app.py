"""The composition root: the only place where parts are chosen and joined."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Self

from gateway import background
from gateway.admin import server as admin
from gateway.admin.assembly import admin_site, replica_teller
from gateway.assembly.answers import each, looked_in
from gateway.assembly.deferred import Deferred
from gateway.assembly.exports import exports
from gateway.assembly.figures import add_gauges
from gateway.assembly.finances import Finances
from gateway.assembly.fleet import add_fleet_gauges, fleet_of, hours, metered, watch
from gateway.assembly.home import replica_name
from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.routing import catalog, hedging, learning_of, pricing, router, signers, wire
from gateway.assembly.simulated import needs_simulator, started_simulator, with_simulator
from gateway.assembly.told import Told
from gateway.assembly.training import training_desk
from gateway.config.settings import Settings
from gateway.front.batch_assembly import batch_pages
from gateway.front.deferred import later_pages
from gateway.front.feedback import Ratings
from gateway.front.listener import Listener
from gateway.front.peers import Worker
from gateway.front.self_service import self_service
from gateway.front.server import Front
from gateway.front.together import Together
from gateway.front.traced import traced
from gateway.journey.answered import Answered
from gateway.journey.setting_aside import SettingAside
from gateway.journey.untouched import PassThrough
from gateway.pipeline import Pipeline
from gateway.stores.clock import StoreClock
from gateway.telemetry.live import Live
from gateway.tokens import Tokens, kept


class Gateway:
    """One gateway process: `async with Gateway(settings)` runs it. `failed` is set if a background task dies.

    `worker` says which of several it is that share the home, its limits and its port.
    """

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.time, worker: Worker | None = None
    ) -> None:
        self.settings = settings
        self.worker = worker
        self._number = None if worker is None else worker.number
        self._clock = clock
        self._stack = AsyncExitStack()
        self.live = Live()
        self.failed = asyncio.Event()
        self.serving = False
        self.port = settings.server.port
        self.admin_port: int | None = None

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
        self.replica = replica_name(settings, self._number)
        shared = StoreClock(self._clock)
        if settings.shared is not None:
            self._clock = shared
        self.told = Told(settings, self._clock, self.live, self.replica, self._stack)
        finances = Finances(settings, self.told, shared, self._stack, replica=self.replica, number=self._number)
        self.money = await finances.open()
        self.training = training_desk(settings, self.told, self.money, self._stack)
        self._join_routing()
        self._tell_figures()
        await self.watch.round()
        front = self._join_front()
        self._run_in_background()
        if (answering := await self.together.listen()) is not None:
            self._stack.callback(answering.close)
        if settings.server.admin:
            await self._listen_to_admins()
        await self._listen(front)
        self.serving = True

    def _join_routing(self) -> None:
        settings, health = self.settings, self.told.health
        self._learned_path = kept.learned_path(settings.home, self._number)
        self.wire = wire(settings)
        self._stack.push_async_callback(self.wire.close)
        self.fleet = metered(fleet_of(settings), self._clock())
        self.catalog = catalog(settings, lambda: self.pricing.book, self._clock, self.fleet)
        self.watch = watch(settings, self.fleet, self.wire, self._clock, self.catalog.forget)
        self.money.keyring.drain_by(self.watch.drain)
        self.pricing = pricing(settings, self.wire, self._clock, self.catalog.forget)
        self.calibration = kept.calibration(self._learned_path)
        self.learning = learning_of(settings, self._clock)
        self.router = router(
            settings, self.catalog, health, self._clock, self.calibration, learning=self.learning, fleet=self.fleet
        )

    def _tell_figures(self) -> None:
        told, money = self.told, self.money
        add_gauges(
            told.metrics.gauges,
            mover=money.mover,
            journal=money.journal,
            prices=self.pricing,
            leases=money.leases,
            calibration=self.calibration,
            learning=self.learning,
            breakers=lambda: told.health.states(self._clock()),
            in_flight=lambda: money.journal.open_count - self.training.metering.held_count,
            home=self.settings.home,
            clock=self._clock,
        )
        add_fleet_gauges(told.metrics.gauges, self.fleet, told.health.in_flight, self._clock)

    def _join_front(self) -> Front:
        settings, told, money = self.settings, self.told, self.money
        tokens, signing = Tokens(), signers(settings)
        self._stack.callback(tokens.close)
        asking = hedging(
            settings, self.wire, told.health, self._clock, signing=signing, tokens=tokens, tracing=told.tracing
        )
        self._stack.push_async_callback(asking.close)
        refuse_unpriced = settings.prices.unknown == "refuse"
        kept_in = looked_in(settings, money.answers, told.metrics)
        setting_aside = SettingAside(money.limits, self.router, tokens, told.metrics, refuse_unpriced)
        self.deferred = Deferred(settings, setting_aside, self.catalog, told, replica=self.replica, stack=self._stack)
        self._pipeline = pipeline = Pipeline(
            tenants=money.keyring.tenants,
            router=self.router,
            tokens=tokens,
            calibration=self.calibration,
            answered=Answered(kept_in, money.idempotency, money.books, told.metrics),
            books=money.books,
            setting_aside=setting_aside,
            asking=asking,
            taking=self.deferred.taking,
            metrics=told.metrics,
            clock=self._clock,
            monotonic=time.perf_counter,
        )
        self._join_together()
        self.batches = batch_pages(settings, pipeline, self.wire, self.catalog, money.mover, stack=self._stack)
        hear = each(self.learning.hear, pipeline.answered.hear)
        return Front(
            pipeline,
            self.catalog,
            self.together,
            PassThrough(money.books, self.wire, signing, refuse_unpriced, time.perf_counter),
            self.batches,
            Ratings(self.together.find, money.ledger.rate, hear, told.metrics, self._clock),
            later_pages(self.deferred, self.together, self._clock),
            self_service(settings, money.keyring.tenants, self._clock),
            lambda: self.serving,
            *(settings.server.body_bytes_max, settings.server.body_timeout_s, settings.server.metrics),
            traced(settings, pipeline, told.tracing),
        )

    def _join_together(self) -> None:
        mover, journal = self.money.mover, self.money.journal
        self.together = Together(
            self.worker,
            self.told.metrics,
            self.live,
            mover.find,
            self.pricing.approve,
            prices=mover.prices,
            replica=replica_teller(
                self.replica, mover=mover, journal=journal, health=self.told.health, clock=self._clock
            ),
        )

    async def _listen_to_admins(self) -> None:
        settings, several = self.settings, self.worker is not None
        site = admin_site(
            settings,
            keyring=self.money.keyring,
            limits=self.money.limits,
            together=self.together,
            pricing=self.pricing,
            store=self.money.store,
            learning=self.learning,
            fleet=self.fleet,
            training=self.training,
            catalog=self.catalog,
            stack=self._stack,
            clock=self._clock,
        )
        listening = await admin.listen(site, settings.server.admin_host, settings.server.admin_at, shared=several)
        self._stack.push_async_callback(listening.stop)
        self.admin_port = listening.port

    async def _listen(self, front: Front) -> None:
        settings = self.settings.server
        listener = Listener(
            front.handle,
            front.door(settings.calls_max),
            header_timeout_s=settings.header_timeout_s,
            trusted_proxies=settings.trusted_proxies,
        )
        self.port = await listener.listen(settings.host, settings.port, shared=self.worker is not None)
        self._stack.push_async_callback(listener.close, settings.drain_s, settings.ready_grace_s)

    def _run_in_background(self) -> None:
        settings, told, money = self.settings, self.told, self.money
        reading = partial(ledger_reader, settings)
        works = (
            money.journal.keep_synced(),
            money.mover.run(),
            money.leases.run(self._clock),
            self.pricing.run(),
            self.watch.run(),
            *([hours(settings, self.fleet, money, reading, self._clock).run()] if self._number in (None, 1) else []),
            self.learning.run(money.ledger.ratings),
            money.keyring.watch(),
            money.idempotency.run(),
            self.batches.settling.run(),
            self.training.metering.run(),
            exports(settings, reading, self._clock, told.metrics, self._number).run(),
            kept.keep(self._learned_path, self.calibration),
            background.look_at_lag(told.metrics.loop_lag.observe),
            background.audit(money.mover, money.leases, money.claims, self._clock, money.ledger, money.store),
        )
        alarms = told.alarms.works(self._number, self.pricing, money, told.health, reading)
        later = self.deferred.works(self._pipeline.answer, money, self.wire, worker=self._number)
        background.run((*works, *alarms, *later), self._stack, self.failed)
