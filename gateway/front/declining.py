"""What is said to whoever is turned away at the door: it must cost as little as it can, since it is said often."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from gateway.core.errors import GatewayError, Overloaded
from gateway.dialects.base import Dialect
from gateway.front.call_ids import next_id
from gateway.front.exchange import Exchange
from gateway.front.head import answer_head
from gateway.front.paths import Ways
from gateway.front.refusal import refusal
from gateway.front.surfaces import EXACT


class Declining:
    """Answers requests that are not served. `count` hears why. The answer is worded once a second for each dialect: all
    that changes then is the request's id."""

    def __init__(self, ways: Ways, count: Callable[[str], None]) -> None:
        self._ways = ways
        self._count = count
        self._named = next_id()  # The id in whose place others are put.
        self._worded: dict[str, tuple[int, bytes]] = {}  # By dialect: the second, and the whole answer.

    def decline(self, exchange: Exchange, why: str) -> None:
        """See `Door`. Raises ConnectionResetError where the caller has left."""
        self._count(why)
        surface = EXACT.get(exchange.path)
        if surface is None:
            with suppress(GatewayError):
                surface = self._ways.find(exchange.path).surface
        if surface is not None and exchange.plain:
            exchange.say_all(self._words(exchange, surface.dialect).replace(self._named.encode(), next_id().encode()))
        else:
            dialect = None if surface is None else surface.dialect
            exchange.say(*refusal(Overloaded(), next_id(), exchange, dialect))

    def _words(self, exchange: Exchange, dialect: Dialect) -> bytes:
        now = int(time.time())
        second, words = self._worded.get(dialect.name, (0, b""))
        if second != now:
            status, headers, body = refusal(Overloaded(), self._named, exchange, dialect)
            words = answer_head(status, headers, f"Content-Length: {len(body)}\r\n") + body
            self._worded[dialect.name] = now, words
        return words
