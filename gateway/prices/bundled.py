"""What ships with the gateway: the price snapshot, output limits, corrections, surcharges. Prices with no network."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import msgspec
import yaml

from gateway.prices.book import OutputLimits, PriceBook
from gateway.prices.feed import Feed, FeedError, parse
from gateway.prices.overrides import CORRECTION, Override, read_overrides
from gateway.prices.surcharges import Surcharge, read_surcharges

HERE = files("gateway.prices")


class Header(msgspec.Struct, frozen=True):
    """What snapshot.json says: the name and day of the snapshot, and the sha256 of each file's JSON."""

    id: str
    date: str
    sha256: dict[str, str]


def header() -> Header:
    """The header of the bundled snapshot."""
    return msgspec.json.decode(HERE.joinpath("snapshot.json").read_bytes(), type=Header)


def unpacked(name: str) -> bytes:
    """The JSON of a bundled file. Raises FeedError if it is not the published one: prices are never edited."""
    body = gzip.decompress(HERE.joinpath(name).read_bytes())
    if hashlib.sha256(body).hexdigest() != header().sha256[name]:
        raise FeedError(f"{name} is not the file that snapshot.json pins")
    return body


@cache
def snapshot() -> Feed:
    """The bundled feed."""
    head = header()
    return parse(unpacked("prices.json.gz"), name=head.id, day=head.date)


@cache
def output_limits() -> OutputLimits:
    """Most output tokens by provider and model, from litellm's table."""
    return msgspec.json.decode(unpacked("output_limits.json.gz"), type=dict[str, dict[str, int]])


@cache
def corrections() -> tuple[Override, ...]:
    """Our own corrections of the snapshot, and the prices of the simulated provider."""
    return read_overrides(_entries("corrections.yaml"), where="corrections", source=CORRECTION)


@cache
def surcharges() -> tuple[Surcharge, ...]:
    """What places and conditions add to published prices."""
    return read_surcharges(_entries("surcharges.yaml"))


def _entries(name: str) -> object:
    return yaml.safe_load(HERE.joinpath(name).read_text(encoding="utf-8"))


def price_book(overrides: Iterable[Override] = (), feed: Feed | None = None) -> PriceBook:
    """A book over a live feed, or over the bundled one."""
    return PriceBook(feed or snapshot(), overrides, corrections(), output_limits(), surcharges())
