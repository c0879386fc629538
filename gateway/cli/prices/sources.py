"""Where price commands read from: the home, a file, a URL; and moments as a person writes them."""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.settings import Unusable
from gateway.config.settings import Settings
from gateway.config.units import duration
from gateway.core.errors import GatewayError
from gateway.prices.book import PriceBook
from gateway.prices.bundled import price_book, snapshot
from gateway.prices.feed import Feed, FeedError, parse
from gateway.prices.refresh import LARGEST_BODY, LIVE_NAME, Fetched
from gateway.prices.stored import Shelf, Slot
from gateway.upstream.wire import Wire

PATIENCE_S = 60.0
"""For a whole document, however slowly it comes."""

NOTHING_THERE = 3
REFUSED = 4


def fetched(where: str) -> Fetched:
    """A document at a URL, or in a file. Raises Unusable."""
    try:
        if "://" in where:
            return asyncio.run(_get(where))
        path = Path(where)
        if path.stat().st_size > LARGEST_BODY:
            raise Unusable(f"{where} is larger than {LARGEST_BODY} bytes")
        return Fetched(200, None, path.read_bytes())
    except TimeoutError:
        raise Unusable(f"{where} was not here after {PATIENCE_S:.0f} seconds") from None
    except (OSError, GatewayError, ValueError) as error:
        raise Unusable(f"cannot read {where}: {error}") from None


def document(where: str) -> bytes:
    """The bytes of a document. Raises Unusable, also for an answer that is not 200."""
    answer = fetched(where)
    if answer.status != 200:
        raise Unusable(f"cannot read {where}: it answered {answer.status}")
    return answer.body


async def _get(url: str) -> Fetched:
    wire = Wire(connect_s=5, first_byte_s=PATIENCE_S, idle_s=PATIENCE_S, total_s=PATIENCE_S)
    try:
        async with asyncio.timeout(PATIENCE_S):
            status, headers, body = await wire.get(url, {}, LARGEST_BODY)
        return Fetched(status, headers.get("etag"), body)
    finally:
        await wire.close()


def book(found: Settings, name: str) -> PriceBook:
    """The book over a feed by its name: a slot, bundled, in-use, a file or a URL. Raises Unusable."""
    return price_book(found.prices.overrides, _feed(found, name))


def _feed(found: Settings, name: str) -> Feed:
    shelf = Shelf(found.home)
    if name == "in-use":
        used = shelf.in_use(time.time())
        return used.feed if used is not None else snapshot()
    if name == "bundled":
        return snapshot()
    if name in set(Slot):
        stored = shelf.read(Slot(name))
        if stored is None:
            raise Unusable(f"there are no {name} prices at {shelf.folder}", NOTHING_THERE)
        return stored.feed
    try:
        return parse(document(name), name=LIVE_NAME, day=datetime.now(UTC).date().isoformat())
    except FeedError as error:
        raise Unusable(f"{name}: {error}") from None


def moment(text: str | None, now: float) -> float:
    """Unix seconds of '2026-11-01', or '2026-11-01T18:00'; UTC unless it says otherwise. Raises Unusable."""
    if text is None:
        return now
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise Unusable(f"{text!r} is not a date such as 2026-11-01") from None
    return (day if day.tzinfo is not None else day.replace(tzinfo=UTC)).timestamp()


def later(text: str, now: float) -> float:
    """Unix seconds of a date, or of a duration from now. Raises Unusable."""
    try:
        return now + duration(text)
    except ValueError:
        return moment(text, now)


def written(at: float) -> str:
    """A moment for a person and for programs: ISO 8601, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def at_of(parsed: argparse.Namespace) -> float:
    """The moment that --at names, or now. Raises Unusable."""
    return moment(parsed.at, time.time())
