"""The price book in use: bundled, then replaced whole by each accepted refresh. Calls under way keep theirs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from gateway.prices.book import PriceBook
from gateway.prices.bundled import price_book
from gateway.prices.feed import Feed
from gateway.prices.overrides import Override
from gateway.prices.refresh import LARGEST_BODY, Fetched, Refresh

Get = Callable[[str, Mapping[str, str], int], Awaitable[tuple[int, Mapping[str, str], bytes]]]

log = logging.getLogger("fareway.prices")


class Pricing:
    """Holds the book. `changed` is called after it was replaced. Without a `feed_url` it stays as it is."""

    def __init__(
        self,
        overrides: tuple[Override, ...],
        get: Get,
        clock: Callable[[], float],
        changed: Callable[[], None],
        *,
        feed_url: str | None,
        feed_every_s: float,
        guard_factor: int,
    ) -> None:
        self.book: PriceBook = price_book(overrides)
        self._overrides = overrides
        self._get = get
        self._clock = clock
        self._changed = changed
        self._refresh: Refresh | None = None
        if feed_url is not None:
            self._refresh = Refresh(
                fetch=self._fetch,
                accept=self._accept,
                current=lambda: self.book.feed,
                in_use=self._in_use,
                url=feed_url,
                interval=feed_every_s,
                factor=guard_factor,
                clock=clock,
            )

    async def run(self) -> None:
        """Refresh for ever, if a feed is configured."""
        if self._refresh is not None:
            await self._refresh.run()

    @property
    def quarantined(self) -> tuple[str, ...]:
        """Why the last feed was not accepted; empty if none waits."""
        waiting = self._refresh.quarantined if self._refresh else None
        return waiting.reasons if waiting else ()

    def approve(self) -> bool:
        """Somebody says yes to the feed in quarantine. False if none waits there."""
        return self._refresh is not None and self._refresh.approve()

    def age_s(self) -> float:
        """Seconds since the prices were known to be current."""
        if self._refresh is not None and self._refresh.last_success_at is not None:
            return self._clock() - self._refresh.last_success_at
        return self._clock() - datetime.fromisoformat(self.book.date).replace(tzinfo=UTC).timestamp()

    def _in_use(self) -> set[tuple[str, str]]:
        return self.book.in_use()

    async def _fetch(self, url: str, etag: str | None) -> Fetched:
        status, headers, body = await self._get(url, {"If-None-Match": etag} if etag else {}, LARGEST_BODY)
        return Fetched(status, headers.get("etag"), body)

    def _accept(self, feed: Feed) -> None:
        self.book = price_book(self._overrides, feed)
        log.info("prices are now %s of %s", self.book.id, self.book.date)
        self._changed()
