"""The alerts that settings ask for, and what is watched for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from gateway.alerts.delivering import Alerts
from gateway.alerts.watching import Seen, changes
from gateway.config.settings import Settings
from gateway.core.alert import Alert, AlertKind
from gateway.core.threshold import Passed
from gateway.keyring import Keyring
from gateway.prices.current import Pricing
from gateway.telemetry.metrics import Metrics
from gateway.upstream.health import Health

WATCH_EVERY_S = 2.0

STALE_AFTER = 3
"""A feed that has not answered for so many of its rounds is stale."""

ALL_PERCENT = 100


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
        self, worker: int | None, pricing: Pricing, keyring: Keyring, drift: Callable[[], int], health: Health
    ) -> tuple[Coroutine[Any, Any, None], ...]:
        """What runs beside the calls. Of several workers the first watches and sends for all."""
        first = worker in (None, 1)

        def seen() -> Seen:
            every_s = self._settings.prices.feed_every_s if self._settings.prices.feed_url is not None else None
            return Seen(
                down=frozenset(name for name, is_down in health.states(self._clock()).items() if is_down),
                drift=drift(),
                quarantined="; ".join(pricing.quarantined),
                stale=every_s is not None and pricing.age_s() > STALE_AFTER * every_s,
                keys={name: (key.alias, key.revoked) for name, key in keyring.tenants.known.items()},
            )

        watching = (self._watch(seen),) if first and self._settings.alerts else ()
        return (self._alerts.run(deliver=first), *watching)

    async def _watch(self, seen: Callable[[], Seen]) -> None:
        """For ever. Which keys there are at the start is told to nobody."""
        before = Seen(keys=seen().keys)
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = seen()
            for alert in changes(before, now, self._clock(), self._home):
                self._alerts.tell(alert)
            before = now


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
