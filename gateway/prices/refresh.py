"""Keeps the price feed fresh in the background. A suspicious feed waits in quarantine for somebody's yes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from gateway.prices.feed import Feed, FeedError, parse
from gateway.prices.guard import FACTOR, Verdict, judge
from gateway.prices.stored import Heading, Shelf, Slot

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
class Judged:
    """A feed that could be read, and whether it was accepted."""

    feed: Feed
    verdict: Verdict


Fetch = Callable[[str, str | None], Awaitable[Fetched]]  # (url, etag of the last answer) -> answer.


class Refresh:
    """Fetches and judges the feed every `interval` seconds, and stores it. Run `run()` as a task.

    `current` tells the feed in use, `in_use` the (provider, model) pairs whose prices must not jump, and `stored` is
    awaited after a feed was accepted or put into quarantine. The fetch is bounded by whoever provides it; here its
    body is, once more. While prices are pinned nothing is asked.
    """

    def __init__(
        self,
        *,
        fetch: Fetch,
        shelf: Shelf,
        stored: Callable[[], Awaitable[None]],
        current: Callable[[], Feed],
        in_use: Callable[[], Awaitable[set[tuple[str, str]]]],
        url: str = URL,
        interval: float = 3600,
        factor: int | Fraction = FACTOR,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fetch, self._shelf, self._stored, self._current, self._in_use = fetch, shelf, stored, current, in_use
        self._url, self._interval, self._clock = url, interval, clock
        self.factor = factor  # Another one counts from the next feed on.
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

    async def _attempt(self) -> None:
        """Fetch, read, judge and store. Raises FeedError, OSError, or whatever the fetch raises."""
        now = self._clock()
        if self._shelf.pin(now) is not None:
            return
        answer = await self._fetch(self._url, self._etag())
        if answer.status == 304:
            if self._shelf.heading(Slot.QUARANTINED) is None:  # Else "not modified" is said of that one.
                self.last_success_at = now
            return
        old, in_use = self._current(), await self._in_use()
        judged = await asyncio.to_thread(
            take, self._shelf, answer, source=self._url, old=old, in_use=in_use, now=now, factor=self.factor
        )
        if judged.verdict.accepted:
            self.last_success_at = now
        else:
            reasons = "; ".join(judged.verdict.reasons)
            log.warning("the new price feed %s is in quarantine: %s", judged.feed.id, reasons)
        await self._stored()

    def _etag(self) -> str | None:
        """The ETag of the last feed that could be read, if it is the one in use or waits to be."""
        waiting, accepted = (self._shelf.heading(slot) for slot in (Slot.QUARANTINED, Slot.ACCEPTED))
        last = waiting or accepted
        known = last is not None and last.source == self._url
        if last is None or not known or (last is accepted and last.sha256 != self._current().digest):
            return None
        return last.etag


def take(
    shelf: Shelf,
    answer: Fetched,
    *,
    source: str,
    old: Feed,
    in_use: Iterable[tuple[str, str]],
    now: float,
    factor: int | Fraction = FACTOR,
) -> Judged:
    """Read a feed, judge it, and store it as accepted or in quarantine. Raises FeedError or OSError; then nothing
    has changed."""
    judged = considered(answer, old, in_use, now, factor)
    feed, accepted = judged.feed, shelf.heading(Slot.ACCEPTED)
    if accepted is not None and accepted.sha256 == feed.digest:  # Somebody has said yes to these very bytes.
        judged = Judged(feed, Verdict(accepted=True))
    verdict = judged.verdict
    heading = Heading(feed.id, feed.date, feed.digest, source, now, answer.etag, verdict.reasons)
    if verdict.accepted:
        shelf.keep(Slot.ACCEPTED, heading, answer.body)
        shelf.drop(Slot.QUARANTINED)
    else:
        shelf.keep(Slot.QUARANTINED, heading, answer.body)
    return judged


def considered(
    answer: Fetched, old: Feed, in_use: Iterable[tuple[str, str]], now: float, factor: int | Fraction = FACTOR
) -> Judged:
    """Read and judge a feed against the one in use. Raises FeedError for what is no feed."""
    if answer.status != 200:
        raise FeedError(f"the price feed answered {answer.status}")
    if len(answer.body) > LARGEST_BODY:
        raise FeedError(f"the price feed is larger than {LARGEST_BODY} bytes")
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    feed = parse(answer.body, name=LIVE_NAME, day=today)
    return Judged(feed, judge(old, feed, in_use, now, factor))
