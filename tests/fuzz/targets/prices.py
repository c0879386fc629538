"""A price feed: refused with the path of what is wrong, or prices that are never negative, for every size of a call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache

from fuzz.mutation import compact

from gateway.core.price import Price
from gateway.core.usage import Extras, Usage
from gateway.prices import bundled
from gateway.prices.book import PriceBook
from gateway.prices.crosscheck import crosscheck, read_table
from gateway.prices.feed import Feed, FeedError, parse
from gateway.prices.guard import judge
from gateway.prices.overrides import OverrideError, read_overrides

HEAD = 1
"""What it is: a feed, our own prices, or a table to compare with."""

JSON = True

NOW = 1_763_712_000.0
CALLS = (Usage(), Usage(input=1, output=1), Usage(input=10**6, cache_read=10**5, output=10**5, extras=Extras(images=2)))


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    (_feed, _own, _table)[data[0] % 3](data[HEAD:])


def _feed(body: bytes) -> None:
    try:
        feed = parse(body, name="fuzz-{digest}", day="2026-11-22")
    except FeedError:
        return
    _priced(PriceBook(feed, surcharges=bundled.surcharges()), feed)
    judge(_known(), feed, {("openai", "gpt-5"), ("x", "y")}, NOW)
    judge(feed, _known(), {(provider, model) for provider in feed.providers for model in _models(feed, provider)}, NOW)


def _own(body: bytes) -> None:
    try:
        overrides = read_overrides(json.loads(body), where="prices")
    except (OverrideError, ValueError, RecursionError):
        return
    feed = _known()
    _priced(PriceBook(feed, overrides), feed)
    for override in overrides:
        _whole(PriceBook(feed, overrides).price(override.provider or "openai", override.model, NOW))


def _table(body: bytes) -> None:
    try:
        table = read_table(body)
    except FeedError:
        return
    crosscheck(PriceBook(_known()), table, NOW)


def _models(feed: Feed, provider: str) -> Iterable[str]:
    return [model.id for model in feed.providers[provider].models]


def _priced(book: PriceBook, feed: Feed) -> None:
    for provider in feed.providers:
        book.models(provider)
        for model in _models(feed, provider):
            book.context_window(provider, model)
            for at in (0.0, NOW, NOW + 12 * 3600, 4e9):
                _whole(book.price(provider, model, at))
    assert all(one.reason for one in book.exceptions)


def _whole(price: Price | None) -> None:
    """Whole pico-dollars, none negative."""
    for usage in CALLS if price is not None else ():
        for tier in (None, "flex", *price.tiers):
            total = price.of(usage, tier).total
            assert total is not None
            assert type(total.picos) is int
            assert total.picos >= 0


@cache
def _known() -> Feed:
    """A few models of the bundled feed: all of it would take too long for each input."""
    return parse(b"[" + b",".join(_parts()[:3]) + b"]", name="known", day="2026-11-21")


@cache
def _parts() -> tuple[bytes, ...]:
    """Providers of the bundled feed with a model or two."""
    providers = json.loads(bundled.unpacked("prices.json.gz"))
    dear = sorted(providers, key=lambda one: one["id"] not in ("openai", "anthropic", "google", "x-ai", "groq"))
    return tuple(compact(one | {"models": one["models"][index : index + 2]}) for index, one in enumerate(dear[:12]))


def seeds() -> Iterable[bytes]:
    """Parts of the bundled feed, prices as people write them, and a table."""
    for part in _parts():
        yield b"\x00[" + part + b"]"
    tiers = {"id": "m", "match": {"or": [{"equals": "m"}, {"regex": "^m-[0-9]+$"}]}, "prices": [
        {"prices": {"input_mtok": {"base": 1.25, "tiers": [{"start": 200000, "price": 2.5}]}, "output_mtok": 10}},
        {"constraint": {"start_date": "2025-01-01"}, "prices": {"input_mtok": 1, "requests_kcount": 3}},
        {"constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}, "prices": {"input_mtok": 0.5}},
    ]}  # fmt: skip
    yield b"\x00" + compact([{"id": "p", "models": [tiers], "fallback_model_providers": ["openai"]}])
    yield b"\x01" + compact([
        {"model": "gpt-5", "provider": "openai", "input": "0.10/M", "output": "1/M", "from": "2026-01-31"},
        {"model": "*", "web_search": "10/K", "hours": "01:00-04:00", "days": "mon-fri", "tier": "flex"},
        {"model": "w", "audio": "0.006/minute", "audio_minimum": "10s", "until": "2027-01-01"},
    ])  # fmt: skip
    yield b"\x02" + compact({"gpt-5": {
        "litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5,
        "cache_read_input_token_cost": 1.25e-7, "input_cost_per_token_above_200k_tokens": 2.5e-6}})  # fmt: skip
