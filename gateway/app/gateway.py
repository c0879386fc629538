"""One gateway process, started, changed and stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Self

from gateway import background
from gateway.admin import server as admin
from gateway.app.admin import admin_site
from gateway.app.generation import generation
from gateway.app.lasting import Lasting
from gateway.assembly.exports import exports
from gateway.assembly.figures import add_gauges
from gateway.assembly.finances import Finances
from gateway.assembly.fleet import add_fleet_gauges, hours
from gateway.assembly.home import replica_name
from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.reloading import Reloading
from gateway.assembly.simulated import needs_simulator, simulated, started_simulator, with_simulator
from gateway.assembly.told import Told
from gateway.assembly.training import training_desk
from gateway.config.settings import Settings
from gateway.config.takeover import Source
from gateway.core.caller import Key
from gateway.front.door import Door
from gateway.front.exchange import Exchange
from gateway.front.listener import Listener
from gateway.front.peers import Worker
from gateway.journey.passage import Client
from gateway.journey.understanding import Call
from gateway.prices.current import Pricing
from gateway.stores.clock import StoreClock
from gateway.telemetry.live import Live
from gateway.tokens import kept


class Gateway:
    """One gateway process: `async with Gateway(settings)` runs it. `failed` is set if a background task dies.

    `worker` says which of several it is that share the home, its limits and its port. `source` is where the settings
    came from; without one they are never read again.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        worker: Worker | None = None,
        source: Source | None = None,
    ) -> None:
        self.settings = settings
        self.worker = worker
        self._source = source or Source(settings, lambda: settings)
        self._number = None if worker is None else worker.number
        self._clock = clock
        self._stack = AsyncExitStack()
        self._simulator_url = ""
        self._changed = asyncio.Event()
        self.live = Live()
        self.failed = asyncio.Event()
        self.serving = False
        self.port = settings.server.port
        self.admin_port: int | None = None

    @property
    def pricing(self) -> Pricing:
        """The prices in use."""
        return self.lasting.pricing

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

    def reread(self) -> None:
        """The configuration may have changed: take it over."""
        self._changed.set()

    async def _start(self) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if needs_simulator(self.settings):
            simulator = await started_simulator(self.settings.home)
            self._stack.push_async_callback(simulator.stop)
            self._simulator_url = simulator.url
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
        self._join_calls()
        self._tell_figures()
        await self.lasting.watch.round()
        self._run_in_background()
        if (answering := await self.lasting.together.listen()) is not None:
            self._stack.callback(answering.close)
        if settings.server.admin:
            await self._listen_to_admins()
        await self._listen()
        self.serving = True

    def _join_calls(self) -> None:
        """What carries them: what lasts, and what this configuration makes."""
        self.lasting = Lasting(
            self.settings,
            self.told,
            self.money,
            lambda: self.now,
            worker=self.worker,
            ready=lambda: self.serving and not self.money.journal.trouble,
            stack=self._stack,
        )
        self.now = generation(self.settings, self.lasting)
        self.money.keyring.drain_by(self.lasting.watch.drain)
        told = self._number in (None, 1)
        self.reloading = Reloading(self._source, self._take, self._changed, self.told.metrics, self._clock, told=told)

    def _take(self, said: Settings) -> None:
        """Another configuration, for the calls that come from now on. Raises NeedsRestart or NoSigner; then nothing has
        changed. Nothing is waited for: no call sees a part of it."""
        settings = simulated(replace(said, server=self.settings.server), self._simulator_url)
        made = generation(settings, self.lasting, self.now)
        self.lasting.configure(settings)
        self.now = made

    def _tell_figures(self) -> None:
        told, money, lasting = self.told, self.money, self.lasting
        add_gauges(
            told.metrics.gauges,
            mover=money.mover,
            journal=money.journal,
            prices=lasting.pricing,
            leases=money.leases,
            calibration=lasting.calibration,
            learning=lasting.learning,
            breakers=told.health.states,
            in_flight=lambda: money.journal.open_count - self.training.metering.held_count,
            home=self.settings.home,
            clock=self._clock,
        )
        add_fleet_gauges(told.metrics.gauges, lasting.fleet, told.health.in_flight, self._clock)

    async def _listen_to_admins(self) -> None:
        settings, lasting, several = self.settings, self.lasting, self.worker is not None
        site = admin_site(
            settings,
            money=self.money,
            together=lasting.together,
            pricing=lasting.pricing,
            learning=lasting.learning,
            fleet=lasting.fleet,
            training=self.training,
            catalog=lambda: self.now.catalog,
            baseline=lambda: self.now.settings.routing.baseline,
            stack=self._stack,
            clock=self._clock,
        )
        listening = await admin.listen(site, settings.server.admin_host, settings.server.admin_at, shared=several)
        self._stack.push_async_callback(listening.stop)
        self.admin_port = listening.port

    async def _listen(self) -> None:
        settings = self.settings.server
        listener = Listener(
            self._handle,
            Door(self._who, self._decline, settings.calls_max, settings.bodies_bytes_max),
            header_timeout_s=settings.header_timeout_s,
            trusted_proxies=settings.trusted_proxies,
        )
        self.port = await listener.listen(settings.host, settings.port, shared=self.worker is not None)
        self._stack.push_async_callback(listener.close, settings.drain_s, settings.ready_grace_s)

    def _handle(self, exchange: Exchange) -> Coroutine[Any, Any, None]:
        return self.now.front.handle(exchange)

    def _who(self, exchange: Exchange) -> str:
        return self.now.front.who(exchange)

    def _decline(self, exchange: Exchange, why: str) -> None:
        self.now.front.declining.decline(exchange, why)

    def _answer(self, call: Call, key: Key, client: Client) -> Coroutine[Any, Any, None]:
        return self.now.pipeline.answer(call, key, client)

    def _run_in_background(self) -> None:
        settings, told, money, lasting = self.settings, self.told, self.money, self.lasting
        reading = partial(ledger_reader, settings)
        machines = hours(lasting.fleet, money, reading, self._clock, lambda: self.now.settings.timeouts.total_s)
        works = (
            money.journal.keep_synced(),
            money.mover.run(),
            money.leases.run(self._clock),
            lasting.pricing.run(),
            lasting.watch.run(),
            *([machines.run()] if self._number in (None, 1) else []),
            lasting.learning.run(money.ledger.ratings),
            money.keyring.watch(),
            money.idempotency.run(),
            lasting.batches.settling.run(),
            self.training.metering.run(),
            exports(settings, reading, self._clock, told.metrics, self._number).run(),
            kept.keep(lasting.learned_path, lasting.calibration),
            background.look_at_lag(told.metrics.loop_lag.observe),
            background.audit(money.mover, money.leases),
            background.sweep(money.claims, self._clock, money.ledger, money.store),
            self.reloading.run(),
        )
        alarms = told.alarms.works(self._number, lasting.pricing, money, told.health, reading, called=lasting.called)
        later = lasting.deferred.works(self._answer, money, lasting.desk, worker=self._number)
        background.run((*works, *alarms, *later), self._stack, self.failed)
