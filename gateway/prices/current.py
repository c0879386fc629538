"""The price book in use: stored or bundled, then replaced whole by each accepted refresh. Calls under way keep theirs.

Whatever is stored in the home counts, whoever put it there: this process, another worker, or the command line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from gateway.prices.book import PriceBook
from gateway.prices.bundled import price_book, snapshot
from gateway.prices.feed import Feed
from gateway.prices.overrides import Override
from gateway.prices.refresh import LARGEST_BODY, Fetched, Refresh
from gateway.prices.stored import Heading, Shelf, Slot, Stored

LOOKED_AT_EVERY_S = 1.0
"""How long prices that the command line stores, pins or approves may go unseen."""

InUse = Callable[[], Awaitable[set[tuple[str, str]]]]
"""Providers and models whose prices must not jump. May raise: then no feed is judged."""

Get = Callable[[str, Mapping[str, str], int], Awaitable[tuple[int, Mapping[str, str], bytes]]]

log = logging.getLogger("fareway.prices")


class Pricing:
    """Holds the book. `changed` is called after it was replaced. Without a `feed_url` no feed is asked."""

    def __init__(
        self,
        overrides: tuple[Override, ...],
        get: Get,
        clock: Callable[[], float],
        changed: Callable[[], None],
        in_use: InUse,
        *,
        shelf: Shelf,
        feed_url: str | None,
        feed_every_s: float,
        guard_factor: int,
    ) -> None:
        self._overrides = overrides
        self._get = get
        self._clock = clock
        self._changed = changed
        self._shelf = shelf
        self._pin: Heading | None = None
        self._waiting: Stored | None = None
        self._seen = shelf.stamp()
        found, self._waiting = self._read()
        self._see_pin()
        self.book: PriceBook = price_book(overrides, found.feed if found is not None else None)
        self._refresh: Refresh | None = None
        if feed_url is not None:
            self._refresh = Refresh(
                fetch=self._fetch,
                shelf=shelf,
                stored=self.look,
                current=lambda: self.book.feed,
                in_use=in_use,
                url=feed_url,
                interval=feed_every_s,
                factor=guard_factor,
                clock=clock,
            )

    async def run(self) -> None:
        """Refresh for ever, if a feed is configured, and look after what is stored."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch())
            if self._refresh is not None:
                tasks.create_task(self._refresh.run())

    @property
    def waiting(self) -> Heading | None:
        """The feed that was not accepted and waits for a yes."""
        return self._waiting.heading if self._waiting is not None else None

    @property
    def pinned(self) -> bool:
        """Whether the feed in use stays until somebody says otherwise, or its time is over."""
        return self._pin is not None

    @property
    def fed(self) -> bool:
        """Whether a feed is asked, unless they are pinned."""
        return self._refresh is not None and self._pin is None

    def approve(self, sha256: str) -> bool:
        """Somebody says yes to the feed in quarantine with this digest. False if it does not wait there (any more), or
        prices are pinned."""
        waiting = self._waiting
        if waiting is None or waiting.heading.sha256 != sha256 or self._shelf.pin(self._clock()) is not None:
            return False
        try:
            if not self._shelf.approve(sha256) and not self._accepted(sha256):
                return False
        except OSError as error:
            log.warning("the approved prices hold until a restart: %s", error)
        self._waiting = None
        self._use(waiting.feed)
        return True

    def _accepted(self, sha256: str) -> bool:
        """Whether another worker was faster."""
        accepted = self._shelf.heading(Slot.ACCEPTED)
        return accepted is not None and accepted.sha256 == sha256

    def age_s(self) -> float:
        """Seconds since the prices were known to be current."""
        if self._refresh is not None and self._refresh.last_success_at is not None:
            return self._clock() - self._refresh.last_success_at
        return self._clock() - datetime.fromisoformat(self.book.date).replace(tzinfo=UTC).timestamp()

    def configure(self, overrides: tuple[Override, ...], guard_factor: int) -> None:
        """These are the user's own prices, and the guard, from now on."""
        if self._refresh is not None:
            self._refresh.factor = guard_factor
        if overrides != self._overrides:
            self._overrides = overrides
            self._replace(self.book.feed)

    async def look(self) -> None:
        """Use what is stored now."""
        self._seen = self._shelf.stamp()
        found, self._waiting = await asyncio.to_thread(self._read)
        self._see_pin()
        self._use(found.feed if found is not None else snapshot())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOKED_AT_EVERY_S)
            if self._shelf.stamp() != self._seen or self._pin != self._shelf.pin(self._clock()):
                await self.look()

    def _read(self) -> tuple[Stored | None, Stored | None]:
        return self._shelf.in_use(self._clock()), self._shelf.read(Slot.QUARANTINED)

    def _see_pin(self) -> None:
        before, self._pin = self._pin, self._shelf.pin(self._clock())
        if self._pin is not None and self._pin != before:
            log.warning("prices are pinned to %s of %s: no feed is asked", self._pin.id, self._pin.date)
        elif before is not None and self._pin is None:
            log.warning("prices are no longer pinned")

    async def _fetch(self, url: str, etag: str | None) -> Fetched:
        status, headers, body = await self._get(url, {"If-None-Match": etag} if etag else {}, LARGEST_BODY)
        return Fetched(status, headers.get("etag"), body)

    def _use(self, feed: Feed) -> None:
        if (feed.id, feed.date) == (self.book.id, self.book.date):
            return
        self._replace(feed)
        log.info("prices are now %s of %s", self.book.id, self.book.date)

    def _replace(self, feed: Feed) -> None:
        self.book = price_book(self._overrides, feed)
        self._changed()
