"""Keeps the price feed fresh in the background. A suspicious feed waits in quarantine for somebody's yes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from gateway.prices.feed import Feed, FeedError, parse
from gateway.prices.guard import FACTOR, judge

URL = "https://raw.githubusercontent.com/pydantic/genai-prices/refs/heads/main/prices/new_data/v2/data.json"
LARGEST_BODY = 64 * 1024 * 1024  # Bytes. The feed is below 3 MB; more is an accident or an attack.
LIVE_NAME = "genai-prices-live-{digest}"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An HTTP answer: 200 with a body, 304 without one, or an error status."""

    status: int
    etag: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A feed that was not accepted, why, and when (unix seconds)."""

    feed: Feed
    reasons: tuple[str, ...]
    at: float


Fetch = Callable[[str, str | None], Awaitable[Fetched]]  # (url, etag of the last answer) -> answer.


class Refresh:
    """Fetches, judges and hands over the feed every `interval` seconds. Run `run()` as a task.

    `current` tells the feed in use, `in_use` the (provider, model) pairs whose prices must not jump, and
    `accept` puts a new feed to use. The fetch is bounded by whoever provides it; here its body is, once more.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        accept: Callable[[Feed], None],
        current: Callable[[], Feed],
        in_use: Callable[[], set[tuple[str, str]]],
        url: str = URL,
        interval: float = 3600,
        factor: int | Fraction = FACTOR,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetch, self._accept, self._current, self._in_use = fetch, accept, current, in_use
        self._url, self._interval, self._factor, self._clock = url, interval, factor, clock
        self._etag: str | None = None
        self.quarantined: Quarantined | None = None
        self.last_success_at: float | None = None  # Unix seconds: since when the feed in use is known to be current.
        self.last_error: str | None = None

    async def run(self) -> None:
        """Refresh for ever. Only cancellation ends it."""
        while True:
            await self.once()
            await asyncio.sleep(self._interval)

    async def once(self) -> None:
        """One attempt. Whatever goes wrong, the feed in use stays and `last_error` says why."""
        try:
            await self._attempt()
            self.last_error = None
        except Exception as error:  # noqa: BLE001 - prices may grow old; the loop that renews them must not die.
            self.last_error = f"{type(error).__name__}: {error}"
            log.warning("the price feed was not refreshed: %s", self.last_error)

    def approve(self) -> bool:
        """Put the quarantined feed to use after all. False if there is none."""
        waiting, self.quarantined = self.quarantined, None
        if waiting is None:
            return False
        self._accept(waiting.feed)
        self.last_success_at = waiting.at
        return True

    async def _attempt(self) -> None:
        """Fetch, read and judge. Raises FeedError, or whatever the fetch raises."""
        answer = await self._fetch(self._url, self._etag)
        if answer.status == 304:
            if self.quarantined is None:  # With a feed in quarantine, "not modified" is said of that one.
                self.last_success_at = self._clock()
            return
        if answer.status != 200:
            raise FeedError(f"the price feed answered {answer.status}")
        if len(answer.body) > LARGEST_BODY:
            raise FeedError(f"the price feed is larger than {LARGEST_BODY} bytes")
        await self._consider(answer)

    async def _consider(self, answer: Fetched) -> None:
        """Read and judge a new feed off the event loop; accept it, or keep it aside."""
        now, old, in_use = self._clock(), self._current(), self._in_use()
        today = datetime.fromtimestamp(now, UTC).date().isoformat()
        feed = await asyncio.to_thread(parse, answer.body, name=LIVE_NAME, day=today)
        verdict = await asyncio.to_thread(judge, old, feed, in_use, now, self._factor)
        if verdict.accepted:
            self._accept(feed)
            self.quarantined, self.last_success_at = None, now
        else:
            self.quarantined = Quarantined(feed, verdict.reasons, now)
            log.warning("the new price feed %s is in quarantine: %s", feed.id, "; ".join(verdict.reasons))
        self._etag = answer.etag  # Only now: a feed that could not be read is fetched again.
