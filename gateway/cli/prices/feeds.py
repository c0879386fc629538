"""`fareway prices update`, `approve`, `pin` and `unpin`: which price list counts from now on.

A gateway that runs with the same home sees each change within seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any

from gateway.assembly.in_use import Pairs, called, configured
from gateway.assembly.routing import catalog
from gateway.cli.books import reading
from gateway.cli.prices.compared import CHANGES, rows
from gateway.cli.prices.gpus import approve_gpus
from gateway.cli.prices.sources import NOTHING_THERE, REFUSED, book, fetched, later, written
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import print_rows
from gateway.config.settings import Settings
from gateway.prices.book import PriceBook
from gateway.prices.bundled import snapshot, unpacked
from gateway.prices.diff import changes
from gateway.prices.feed import FeedError
from gateway.prices.refresh import URL, take
from gateway.prices.stored import Heading, Shelf, Slot


def update(parsed: argparse.Namespace) -> int:
    """Fetch a feed, judge it, keep it. 4 where it has to wait for a yes, or prices are pinned."""
    found, now = settings(parsed), time.time()
    shelf = Shelf(found.home)
    if (pin := shelf.pin(now)) is not None:
        raise Unusable(f"prices are pinned to {pin.id}; `fareway prices unpin` lets them go", REFUSED)
    old = book(found, "in-use")
    source = parsed.feed or found.prices.feed_url or URL
    try:
        judged = take(
            shelf,
            fetched(source),
            source=source,
            old=old.feed,
            in_use=in_use(found, old, now),
            now=now,
            factor=found.prices.guard_factor,
        )
    except (FeedError, OSError) as error:
        raise Unusable(f"nothing has changed: {error}") from None
    accepted = judged.verdict.accepted
    status = "quarantined" if not accepted else "unchanged" if judged.feed.digest == old.feed.digest else "accepted"
    _tell(parsed, found, old, {"status": status, "feed": judged.feed.id, "reasons": list(judged.verdict.reasons)})
    return 0 if accepted else REFUSED


def _tell(parsed: argparse.Namespace, found: Settings, old: PriceBook, told: dict[str, Any]) -> None:
    """What an update came to, with all rates that differ from those before."""
    now = time.time()
    new = book(found, Slot.QUARANTINED if told["status"] == "quarantined" else Slot.ACCEPTED)
    differing = rows(changes(old, now, new, now))
    if parsed.format == "json":
        print(json.dumps(told | {"changes": differing}, indent=2))
        return
    if parsed.format == "table":
        print(f"{told['feed']}: {told['status']}, {len(differing)} rates differ")
        for reason in told["reasons"]:
            print(f"It waits for a yes (`fareway prices approve {told['feed']}`): {reason}")
    print_rows(differing, CHANGES, parsed.format)


def in_use(found: Settings, prices: PriceBook, now: float) -> Pairs:
    """Whose prices must not jump. Without a ledger, those of the configuration alone."""
    pairs = configured(catalog(found, lambda: prices, time.time))
    with suppress(Unusable), reading(found) as ledger:
        pairs |= called(found, ledger, now)
    return pairs


def approve(parsed: argparse.Namespace) -> int:
    """Take over what waits: 3 where nothing does, 4 while prices are pinned, or where it is another feed than FEED."""
    if parsed.gpus:
        return approve_gpus(parsed)
    approved = _approve_there if parsed.gateway else _approve_here
    what = approved(parsed)
    if what is None:
        raise Unusable("no price feed waits for a yes", NOTHING_THERE)
    _say(parsed, {"approved": True, "feed": what}, f"approved: {what}")
    return 0


def _approve_here(parsed: argparse.Namespace) -> str | None:
    """The id of the feed that was approved in this home. Raises Unusable."""
    shelf = Shelf(settings(parsed).home)
    if (pin := shelf.pin(time.time())) is not None:
        raise Unusable(f"prices are pinned to {pin.id}; `fareway prices unpin` lets them go", REFUSED)
    waiting = shelf.read(Slot.QUARANTINED)
    if waiting is None:
        return None
    heading = waiting.heading
    _expect(parsed.feed, heading.id)
    return heading.id if _changed(lambda: shelf.approve(heading.sha256)) else None


def _approve_there(parsed: argparse.Namespace) -> str | None:
    """The id of the feed that a running gateway has approved. Raises Unusable."""
    url = parsed.gateway.rstrip("/")
    key = os.environ.get("FAREWAY_KEY")
    if not key or not url.startswith(("http://", "https://")):
        raise Unusable("--gateway takes the gateway's http URL, and an admin's key in $FAREWAY_KEY")

    def ask(path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at.
            f"{url}/admin/v1/prices/{path}", body, {"Authorization": f"Bearer {key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the same.
            return json.load(answer)

    try:
        waiting = ask("quarantine")
        if not waiting["waiting"]:
            return None
        _expect(parsed.feed, waiting["id"])
        done = ask("approve", json.dumps({"sha256": waiting["sha256"]}).encode())["approved"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Unusable(f"{url} did not approve: {error}") from None
    return str(waiting["id"]) if done else None


def _expect(feed: str | None, waiting: str) -> None:
    """Refuse another feed than was asked for: it came after somebody had looked."""
    if feed is not None and feed != waiting:
        raise Unusable(f"another feed waits for a yes: {waiting}", REFUSED)


def pin(parsed: argparse.Namespace) -> int:
    """Keep the feed in use, its bytes included: neither a refresh nor an upgrade changes it."""
    now, shelf = time.time(), Shelf(settings(parsed).home)
    until = later(parsed.until, now) if parsed.until else None
    if until is not None and until <= now:
        raise Unusable(f"--until: {written(until)} is over")
    used = shelf.in_use(now)
    feed = used.feed if used is not None else snapshot()
    heading = Heading(feed.id, feed.date, feed.digest, "pin", now, until=until)
    slot = next((slot for slot in (Slot.PINNED, Slot.ACCEPTED) if _holds(shelf, slot, feed.digest)), None)
    body = shelf.body(slot) if slot is not None else unpacked("prices.json.gz")
    _changed(lambda: shelf.keep(Slot.PINNED, heading, body))
    end = written(until) if until is not None else None
    _say(parsed, {"pinned": feed.id, "until": end}, f"pinned to {feed.id} until {end or 'somebody unpins it'}")
    return 0


def _holds(shelf: Shelf, slot: Slot, digest: str) -> bool:
    heading = shelf.heading(slot)
    return heading is not None and heading.sha256 == digest


def unpin(parsed: argparse.Namespace) -> int:
    """Let prices follow the feed again. 3 where nothing is pinned."""
    shelf = Shelf(settings(parsed).home)
    if not _changed(lambda: shelf.drop(Slot.PINNED)):
        raise Unusable("no prices are pinned", NOTHING_THERE)
    _say(parsed, {"pinned": None}, "unpinned: prices follow the feed again")
    return 0


def _changed(change: Any) -> Any:
    """Change the home. Raises Unusable."""
    try:
        return change()
    except OSError as error:
        raise Unusable(f"nothing has changed: {error}") from None


def _say(parsed: argparse.Namespace, told: dict[str, object], text: str) -> None:
    if parsed.format == "table":
        print(text)
    elif parsed.format == "json":
        print(json.dumps(told, indent=2))
    else:
        print_rows([told], tuple(told), "csv")
