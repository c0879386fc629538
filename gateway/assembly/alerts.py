"""The alerts that settings ask for, and what is watched for them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.alerts.delivering import Alerts
from gateway.alerts.repriced import repriced
from gateway.alerts.watching import Seen, changes
from gateway.assembly.foresight import Foresight
from gateway.assembly.in_use import Pairs
from gateway.config.settings import Settings
from gateway.core.alert import Alert, AlertKind
from gateway.core.errors import Unavailable
from gateway.core.threshold import Passed
from gateway.ledger.reader import Reader
from gateway.ledger.thread import stand_back
from gateway.prices.book import PriceBook
from gateway.prices.current import Pricing
from gateway.stores.claims import Claim, State
from gateway.telemetry.metrics import Metrics
from gateway.upstream.health import Health

if TYPE_CHECKING:
    from gateway.assembly.finances import Finances

WATCH_EVERY_S = 2.0

FORESEE_EVERY_S = 60.0
FORESEE_SHARE = 50
"""Of so many parts of the time, one may go into looking at the ledger."""

STALE_AFTER = 3
"""A feed that has not answered for so many of its rounds is stale."""

ALL_PERCENT = 100

log = logging.getLogger("fareway.alerts")

Reading = Callable[[], AbstractContextManager[Reader]]
Called = Callable[[], Awaitable[Pairs]]
"""What was called lately, as prices name it; raises what reading the ledger raises."""


class Alarms:
    """What a gateway has to tell. `home`: its name, which tells gateways apart that see things each for themselves."""

    def __init__(self, settings: Settings, clock: Callable[[], float], metrics: Metrics, home: str) -> None:
        self._settings = settings
        self._clock = clock
        self._home = home
        self._alerts = Alerts(
            settings.alerts,
            settings.home / "alerts.db",
            clock,
            lambda kind, outcome: metrics.count("fareway_alerts", kind, outcome),
        )

    def threshold(self, event: Passed) -> None:
        """So much of a limit is spent."""
        self._alerts.tell(of_threshold(event))

    def store(self, down: bool) -> None:
        """The store that gateways share does not answer, or does again."""
        kind = AlertKind.STORE_DEGRADED if down else AlertKind.STORE_RECOVERED
        sentence = "does not answer: what is leased may be spent" if down else "answers again"
        at = self._clock()
        self._alerts.tell(Alert(f"{kind}/{self._home}/{at:.3f}", kind, at, f"The store of limits {sentence}."))

    def works(
        self,
        worker: int | None,
        pricing: Pricing,
        money: Finances,
        health: Health,
        reading: Reading,
        *,
        called: Called,
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs beside the calls. Of several workers the first watches and sends for all."""
        first = worker in (None, 1)

        def seen() -> Seen:
            every_s = self._settings.prices.feed_every_s if self._settings.prices.feed_url is not None else None
            waiting = pricing.waiting
            return Seen(
                down=frozenset(name for name, is_down in health.states().items() if is_down),
                drift=money.mover.drift,
                quarantined=f"{waiting.id}: {'; '.join(waiting.reasons)}" if waiting is not None else "",
                stale=every_s is not None and pricing.age_s() > STALE_AFTER * every_s,
                keys={name: (key.alias, key.revoked) for name, key in money.keyring.tenants.known.items()},
            )

        if not first or not self._settings.alerts:
            return (self._alerts.run(deliver=first),)
        watching = self._watch(seen, pricing, money, called)
        return (self._alerts.run(deliver=True), watching, self._foresee(money, reading))

    async def _watch(self, seen: Callable[[], Seen], pricing: Pricing, money: Finances, called: Called) -> None:
        """For ever. Which keys there are at the start is told to nobody, and what has a price then neither."""
        before, book = Seen(keys=seen().keys), pricing.book
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = seen()
            news = list(changes(before, now, self._clock(), self._home))
            if pricing.book is not book:
                book, old = pricing.book, book
                alert = repriced(old, book, await _used(old, called), self._clock())
                news += [alert] if alert is not None else []
            await self._tell_first(news, money)
            before = now

    async def _foresee(self, money: Finances, reading: Reading) -> None:
        """For ever. A ledger that is away is read later; no call waits for it."""
        foresight = Foresight()

        def look() -> tuple[list[Alert], float]:
            begun = time.monotonic()
            with reading() as ledger:
                return foresight.look(ledger, money.in_force, self._clock()), time.monotonic() - begun

        told: set[str] = set()
        took_s, thread = 0.0, ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts", initializer=stand_back)
        while True:
            await asyncio.sleep(max(FORESEE_EVERY_S, FORESEE_SHARE * took_s))
            try:
                news, took_s = await asyncio.get_running_loop().run_in_executor(thread, look)
            except Unavailable as error:
                log.warning("the ledger is looked at later: %s", error)
                continue
            except Exception:  # Whatever it is: calls go on.
                log.exception("what the ledger says cannot be told")
                continue
            await self._tell_first([alert for alert in news if alert.id not in told], money)
            told = {alert.id for alert in news}

    async def _tell_first(self, news: list[Alert], money: Finances) -> None:
        """What no other gateway has told. Of one home the outbox knows; while the store is away, each tells."""
        for alert in news:
            claim = Claim("", alert.id, self._home, State.ENDED)
            try:
                earlier = await money.claims.claim(f"alert/{alert.id}", claim) if self._settings.shared else None
            except Unavailable:
                earlier = None
            if earlier is None or earlier.replica == self._home:
                self._alerts.tell(alert)


async def _used(book: PriceBook, called: Called) -> Pairs:
    """Models that are in use: here, and where the ledger can be read anywhere."""
    try:
        return book.in_use() | await called()
    except Exception:  # Whatever it is: what is in use here is known.
        log.exception("which models were called is not known now")
        return book.in_use()


def of_threshold(event: Passed) -> Alert:
    """The alert of a threshold: of one id whoever notices it."""
    kind = AlertKind.BUDGET_EXCEEDED if event.percent >= ALL_PERCENT else AlertKind.BUDGET_THRESHOLD
    data = {
        "node": event.node,
        "limit": event.limit,
        "window": event.window,
        "percent": str(event.percent),
        "spent": event.spent,
        "amount": event.amount,
        "resets_at": event.resets_at or "",
    }
    return Alert(f"{kind}/{event.name}", kind, datetime.fromisoformat(event.at).timestamp(), event.sentence, data)
