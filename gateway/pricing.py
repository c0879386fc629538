"""The price book in use: bundled, then replaced whole by each accepted refresh. Calls under way keep theirs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from gateway.catalog.book import PriceBook
from gateway.catalog.bundled import price_book
from gateway.catalog.feed import Feed
from gateway.catalog.refresh import LARGEST_BODY, Fetched, Refresh
from gateway.config.settings import Prices

Get = Callable[[str, Mapping[str, str], int], Awaitable[tuple[int, Mapping[str, str], bytes]]]

log = logging.getLogger("fareway.prices")


class Pricing:
    """Holds the book. `changed` is called after it was replaced."""

    def __init__(self, prices: Prices, get: Get, clock: Callable[[], float], changed: Callable[[], None]) -> None:
        self.book: PriceBook = price_book(prices.overrides)
        self._prices = prices
        self._get = get
        self._clock = clock
        self._changed = changed
        self._refresh = self._make_refresh(prices.feed_url) if prices.feed_url else None

    async def run(self) -> None:
        """Refresh for ever, if a feed is configured."""
        if self._refresh is not None:
            await self._refresh.run()

    @property
    def quarantined(self) -> tuple[str, ...]:
        """Why the last feed was not accepted; empty if none waits."""
        waiting = self._refresh.quarantined if self._refresh else None
        return waiting.reasons if waiting else ()

    def age_s(self) -> float:
        """Seconds since the prices were known to be current."""
        if self._refresh is not None and self._refresh.last_success_at is not None:
            return self._clock() - self._refresh.last_success_at
        return self._clock() - datetime.fromisoformat(self.book.date).replace(tzinfo=UTC).timestamp()

    def _make_refresh(self, url: str) -> Refresh:
        return Refresh(
            fetch=self._fetch,
            accept=self._accept,
            current=lambda: self.book.feed,
            in_use=self._in_use,
            url=url,
            interval=self._prices.feed_every_s,
            factor=self._prices.guard_factor,
            clock=self._clock,
        )

    def _in_use(self) -> set[tuple[str, str]]:
        return self.book.in_use()

    async def _fetch(self, url: str, etag: str | None) -> Fetched:
        status, headers, body = await self._get(url, {"If-None-Match": etag} if etag else {}, LARGEST_BODY)
        return Fetched(status, headers.get("ETag"), body)

    def _accept(self, feed: Feed) -> None:
        self.book = price_book(self._prices.overrides, feed)
        log.info("prices are now %s of %s", self.book.id, self.book.date)
        self._changed()
