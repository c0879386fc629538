"""`fareway prices list` and `show`: what models cost, and which price says so."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from typing import Any

from gateway.catalog.providers import priced_as
from gateway.cli.prices.sources import NOTHING_THERE, at_of, book, written
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import print_rows
from gateway.config.settings import Settings
from gateway.core.money import PICOS_PER_DOLLAR, Money
from gateway.prices.book import PriceBook
from gateway.prices.match import find
from gateway.prices.rates import scale
from gateway.prices.spelled_out import dollars, rates
from gateway.prices.stored import Shelf, Slot

_PROVIDERS = ("provider", "models")
_MODELS = ("model", "input_usd", "cache_read_usd", "cache_write_usd", "output_usd", "request_usd", "tiers", "price")
_EXCEPTIONS = ("provider", "model", "unit", "published_usd", "charged_usd", "reason")
_RATES = ("tier", "above_tokens", "rate", "usd", "per")


def listing(parsed: argparse.Namespace) -> int:
    """Print the models of a provider, or all providers."""
    found = settings(parsed)
    prices = book(found, "in-use")
    provider = priced_as(parsed.provider, found.providers) if parsed.provider is not None else None
    columns: tuple[str, ...]
    rows: list[dict[str, object]]
    if parsed.exceptions:
        key, columns, rows = "exceptions", _EXCEPTIONS, list(_exceptions(prices, provider))
    elif provider is None:
        counts = ((name, len(prices.models(name))) for name in sorted(prices.feed.providers))
        key, columns, rows = "providers", _PROVIDERS, [{"provider": n, "models": c} for n, c in counts]
    else:
        key, columns, rows = "models", _MODELS, list(_models(prices, provider, at_of(parsed)))
        if not rows:
            raise Unusable(f"no model of {parsed.provider!r} has a price; `fareway prices list`", NOTHING_THERE)
    told = feed_in_use(found, prices)
    if parsed.format == "json":
        print(json.dumps({"feed": told, key: rows}, indent=2))
        return 0
    if parsed.format == "table":
        print_feed(told)
    print_rows(rows, columns, parsed.format)
    return 0


def feed_in_use(found: Settings, prices: PriceBook) -> dict[str, Any]:
    """Which feed counts, and whether it is pinned or another one waits."""
    shelf, now = Shelf(found.home), time.time()
    pin, waiting = shelf.pin(now), shelf.heading(Slot.QUARANTINED)
    return {
        "id": prices.id,
        "date": prices.date,
        "pinned": pin is not None,
        "pinned_until": written(pin.until) if pin is not None and pin.until is not None else None,
        "quarantined": list(waiting.reasons) if waiting is not None else [],
        "waiting": waiting.id if waiting is not None else None,
    }


def print_feed(told: dict[str, Any]) -> None:
    """The same for a person."""
    print(f"{told['id']} of {told['date']}; dollars per million tokens, per call for request")
    if told["pinned"]:
        print(f"Pinned until {told['pinned_until'] or 'somebody unpins it'}: no feed is asked.")
    for reason in told["quarantined"]:
        print(f"Another feed waits for a yes (`fareway prices approve {told['waiting']}`): {reason}")


def show(parsed: argparse.Namespace) -> int:
    """Print all of one model's rates."""
    called, slash, model = parsed.model.partition("/")
    if not slash:
        raise Unusable("write it as provider/model, such as openai/gpt-4o-mini")
    found = settings(parsed)
    provider, at, prices = priced_as(called, found.providers), at_of(parsed), book(found, "in-use")
    dated = prices.dated(provider, model, at)
    if dated.price is None:
        raise Unusable(f"no price is known for {parsed.model} at {written(at)}", NOTHING_THERE)
    entry, window = find(prices.feed, provider, model), dated.window
    told: dict[str, Any] = {
        "model": parsed.model,
        "at": written(at),
        "price": dated.price.id,
        "entry": f"{entry.provider}/{entry.model.id}" if entry is not None else None,
        "own": entry.own if entry is not None else True,
        "since": written(window.since) if math.isfinite(window.since) else None,
        "until": written(window.until) if math.isfinite(window.until) else None,
        "context_tokens_max": prices.context_window(provider, model),
        "output_tokens_max": prices.output_max(provider, model),
    }
    rows = list(rates(dated.price))
    if parsed.format == "json":
        print(json.dumps(told | {"rates": rows}, indent=2))
        return 0
    if parsed.format == "table":
        _print_head(told)
    print_rows(rows, _RATES, parsed.format)
    return 0


def _print_head(told: dict[str, Any]) -> None:
    print(f"{told['model']} at {told['at']}")
    print(f"price   {told['price']}")
    if told["entry"] is not None:
        print(f"entry   {told['entry']}{'' if told['own'] else ', another provider’s list, without its tiers'}")
    print(f"valid   from {told['since'] or 'the beginning'} until {told['until'] or 'further notice'}")
    print(f"tokens  {told['context_tokens_max'] or '?'} in, {told['output_tokens_max'] or '?'} out, at most\n")


def _models(prices: PriceBook, provider: str, at: float) -> Iterator[dict[str, object]]:
    for model in prices.models(provider):
        price = prices.price(provider, model, at)
        if price is None:
            continue
        base = price.standard.base
        figures = {f"{name}_usd": dollars(getattr(base, name), name)[0] for name in _SHORT}
        yield {"model": model, **figures, "tiers": ",".join(sorted(price.tiers)) or None, "price": price.id}


_SHORT = ("input", "cache_read", "cache_write", "output", "request")


def _exceptions(prices: PriceBook, provider: str | None) -> Iterator[dict[str, object]]:
    for found in prices.exceptions:
        if provider in {None, found.provider}:
            yield {
                "provider": found.provider,
                "model": found.model,
                "unit": found.unit,
                "published_usd": format(found.published, "f"),
                "charged_usd": None if found.picos is None else _charged(found.picos, found.unit),
                "reason": found.reason,
            }


def _charged(picos: int, unit: str) -> str:
    return Money(picos * PICOS_PER_DOLLAR // scale(unit)).decimal
