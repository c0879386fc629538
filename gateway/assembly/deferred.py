"""Calls whose answers may come later, joined: what takes them, and what sends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from gateway.assembly.finances import Finances
from gateway.assembly.stores import pepper
from gateway.assembly.told import Told
from gateway.config.settings import Settings
from gateway.deferred.asking import Ask, Asking
from gateway.deferred.lanes import Lanes
from gateway.deferred.offers import Offering
from gateway.deferred.running import Running
from gateway.deferred.sending import Sending
from gateway.deferred.settling import Settling
from gateway.deferred.shelf import Shelf
from gateway.deferred.taking import Taking
from gateway.deferred.telling import Telling
from gateway.journey.batches.desk import Desk
from gateway.journey.setting_aside import SettingAside
from gateway.prices.book import PriceBook


class Deferred:
    """See the module. Any process of a home takes calls; `works` of one of them sends them."""

    def __init__(
        self,
        settings: Settings,
        setting_aside: Callable[[], SettingAside],
        money: Finances,
        told: Told,
        book: Callable[[], PriceBook],
        *,
        replica: str,
        stack: AsyncExitStack,
    ) -> None:
        self._settings = settings
        self._clock = told.clock
        self._metrics = told.metrics
        self._book = book
        self._wake = asyncio.Event()
        self.home = replica.partition(".")[0]
        self.pepper = pepper(settings)
        self.shelf = Shelf(settings.home / "deferred.db")
        stack.push_async_callback(self.shelf.close)
        wanted = settings.deferred
        self._offering = Offering(setting_aside, book, told.health, told.clock, batch_s=wanted.batch_s)
        self.taking = Taking(
            self.shelf,
            money.limits,
            self._offering,
            self.home,
            wanted.waiting,
            wanted.private_webhooks,
            told.clock,
            self._wake.set,
        )

    def works(
        self, ask: Ask, money: Finances, desk: Desk, *, worker: int | None
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs beside the calls. Of several workers the first does it for all."""
        if worker not in (None, 1):
            return ()
        wanted, books, clock = self._settings.deferred, money.books, self._clock
        asking = Asking(ask, money.keyring.tenants, clock, time.perf_counter)
        settling = Settling(books, desk, money.mover, self._book)
        sending = Sending(books, desk)
        lanes = Lanes(self.shelf, asking, self._offering, sending, settling, clock=clock, collect_s=wanted.collect_s)

        def ended(way: str, state: str) -> None:
            self._metrics.count("fareway_deferred", way, state)

        running = Running(
            self.shelf,
            asking,
            self._offering,
            lanes,
            self._wake,
            clock=clock,
            ended=ended,
            margin_s=wanted.margin_s,
            keep_s=wanted.keep_s,
        )
        telling = Telling(self.shelf, self.pepper, clock, private=wanted.private_webhooks)
        return running.run(), telling.run()
