"""The feeds that a home keeps: the one accepted, one that waits for a yes, and one that is pinned.

One file each: a line of JSON that says what it is, then the feed's own bytes. A file is replaced whole or not at all.
These files are the truth; a running gateway looks at them every few seconds, whoever wrote them.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from gateway.prices.book import PriceBook
from gateway.prices.bundled import header, price_book
from gateway.prices.feed import Feed, FeedError, parse
from gateway.prices.overrides import Override

FOLDER = "prices"  # Below the home.

log = logging.getLogger("fareway.prices")


class Slot(StrEnum):
    """What a stored feed is for."""

    ACCEPTED = "accepted"
    QUARANTINED = "quarantined"
    PINNED = "pinned"


class Heading(msgspec.Struct, frozen=True):
    """What the first line of a stored feed says. Times are unix seconds."""

    id: str  # What price ids call it.
    date: str  # The day on which it was fetched.
    sha256: str  # Of the feed's bytes.
    source: str  # The URL or file that it is from.
    at: float  # When it was stored.
    etag: str | None = None
    reasons: tuple[str, ...] = ()  # Why it waits in quarantine.
    until: float | None = None  # How long it is pinned; None is for good.


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored feed, read and checked."""

    heading: Heading
    feed: Feed


class Shelf:
    """The stored feeds of one home."""

    def __init__(self, home: Path) -> None:
        self.folder = home / FOLDER

    def keep(self, slot: Slot, heading: Heading, body: bytes) -> None:
        """Store a feed in the place of what was there. Raises OSError."""
        write(self._path(slot), msgspec.json.encode(heading) + b"\n" + body)

    def heading(self, slot: Slot) -> Heading | None:
        """What is stored there, unchecked; None for nothing, or what cannot be read."""
        return _heading(self._path(slot))

    def read(self, slot: Slot) -> Stored | None:
        """A stored feed. One that is broken is set aside with a warning, and counts as none."""
        path = self._path(slot)
        try:
            first, _, body = path.read_bytes().partition(b"\n")
            return _checked(first, body)
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("the %s prices cannot be read: %s", slot, error)
        except (FeedError, msgspec.MsgspecError) as error:
            aside = path.with_suffix(".broken")
            log.warning("the %s prices are broken, and now at %s: %s", slot, aside, error)
            with contextlib.suppress(OSError):
                path.replace(aside)
        return None

    def body(self, slot: Slot) -> bytes:
        """The bytes of a stored feed, unchecked. Raises OSError."""
        return self._path(slot).read_bytes().partition(b"\n")[2]

    def drop(self, slot: Slot) -> bool:
        """Forget a stored feed. Whether there was one. Raises OSError."""
        try:
            self._path(slot).unlink()
        except FileNotFoundError:
            return False
        return True

    def approve(self, sha256: str) -> bool:
        """Accept the feed in quarantine if it is this one. Whether it was. Raises OSError."""
        waiting, taken = self._path(Slot.QUARANTINED), self.folder / f".approving-{os.getpid()}"
        try:
            waiting.replace(taken)  # First, so that what is looked at is what is accepted, whoever writes meanwhile.
        except FileNotFoundError:
            return False
        heading = _heading(taken)
        if heading is not None and heading.sha256 == sha256:
            taken.replace(self._path(Slot.ACCEPTED))
            return True
        taken.replace(waiting)
        return False

    def pin(self, now: float) -> Heading | None:
        """What is pinned at a unix time."""
        heading = self.heading(Slot.PINNED)
        return heading if heading is not None and (heading.until is None or now < heading.until) else None

    def in_use(self, now: float) -> Stored | None:
        """The feed to use at a unix time: the pinned one, or the accepted one. None stands for the bundled snapshot,
        also where that is of a later day than what was accepted: the gateway is newer."""
        if self.pin(now) is not None and (pinned := self.read(Slot.PINNED)) is not None:
            return pinned
        accepted = self.read(Slot.ACCEPTED)
        return accepted if accepted is not None and accepted.heading.date >= header().date else None

    def stamp(self) -> tuple[tuple[str, int, int], ...]:
        """Changes whenever a stored feed does."""
        found = []
        for slot in Slot:
            with contextlib.suppress(OSError):
                status = self._path(slot).stat()
                found.append((slot.value, status.st_ino, status.st_mtime_ns))
        return tuple(found)

    def _path(self, slot: Slot) -> Path:
        return self.folder / f"{slot}.feed"


def book_in_use(home: Path, overrides: Iterable[Override], now: float) -> PriceBook:
    """The price book that a gateway with this home uses at a unix time."""
    stored = Shelf(home).in_use(now)
    return price_book(overrides, stored.feed if stored is not None else None)


def write(path: Path, content: bytes) -> None:
    """Replace a file whole, and wait for the disk: after a crash it is the old one or the new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _heading(path: Path) -> Heading | None:
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.readline(), type=Heading)
    except (OSError, msgspec.MsgspecError):
        return None


def _checked(first: bytes, body: bytes) -> Stored:
    heading = msgspec.json.decode(first, type=Heading)
    if hashlib.sha256(body).hexdigest() != heading.sha256:
        raise FeedError("its bytes are not those that were stored")
    return Stored(heading, parse(body, name=heading.id, day=heading.date))
