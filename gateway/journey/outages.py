"""Telling of times in which the store that gateways share did not answer, and what was allowed meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

import msgspec

from gateway.core.limit import Unit, account_unit, amount_text
from gateway.telemetry.live import Live

log = logging.getLogger("fareway")


class Outages:
    """`lent` says what has been held without the store's word since this process began, by rule."""

    def __init__(
        self,
        live: Live,
        lent: Callable[[], Mapping[str, int]],
        alarm: Callable[[bool], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live = live
        self._lent = lent
        self._alarm = alarm
        self._clock = clock
        self._since = 0.0
        self._before: Mapping[str, int] = {}

    def changed(self, down: bool) -> None:
        """The store is down, or has come back."""
        self._alarm(down)
        if down:
            self._since, self._before = self._clock(), dict(self._lent())
            log.warning("the store of limits does not answer: what is leased may be spent, and what limits allow")
            self._publish({"state": "down"})
            return
        seconds, allowed = round(self._clock() - self._since, 1), self._allowed()
        told = "".join(f"; {amount} of {limit} was allowed without it" for limit, amount in allowed.items())
        log.warning("the store of limits answers again after %.1f s%s", seconds, told)
        self._publish({"state": "up", "seconds": seconds, "allowed": allowed})

    def _allowed(self) -> dict[str, str]:
        """What was lent since it went down, by rule, as people write it."""
        grown = {limit: amount - self._before.get(limit, 0) for limit, amount in self._lent().items()}
        return {limit: _text(limit, amount) for limit, amount in grown.items() if amount}

    def _publish(self, told: Mapping[str, object]) -> None:
        """To those who may see everything."""
        self._live.publish("", b"event: store_outage\ndata: %b\n\n" % msgspec.json.encode(told))


def _text(limit: str, amount: int) -> str:
    return amount_text(amount, Unit(account_unit(f"{limit}@")))
