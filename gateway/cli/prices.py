"""`fareway prices`: what a model costs, and which price says so."""

from __future__ import annotations

import argparse
import time
from typing import Any

from gateway.catalog.providers import KNOWN
from gateway.cli import rerate
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.core.money import Money
from gateway.core.price import Price
from gateway.prices.bundled import price_book

_COLUMNS = ("tier", "above_tokens", "input_usd", "cache_read_usd", "cache_write_usd", "output_usd", "request_usd")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    group = commands.add_parser("prices", help="what models cost, and pricing a past period anew")
    verbs = group.add_subparsers(title="verbs", required=True, metavar="VERB")
    rerate.add_to(verbs, common)
    parser = verbs.add_parser("show", parents=[common], help="the rates of one model, in dollars per million")
    parser.add_argument("model", metavar="PROVIDER/MODEL")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(run=_prices)


def _prices(parsed: argparse.Namespace) -> int:
    name, slash, model = parsed.model.partition("/")
    if not slash:
        raise Unusable("write it as provider/model, such as openai/gpt-4o-mini")
    priced_as = KNOWN[name].priced_as if name in KNOWN else name
    price = price_book(settings(parsed).prices.overrides).price(priced_as, model, time.time())
    if price is None:
        raise Unusable(f"no price is known for {parsed.model}")
    if parsed.format == "table":
        print(price.id)
    print_rows(_rows(price), _COLUMNS, parsed.format)
    return 0


def _rows(price: Price) -> list[dict[str, object]]:
    rows = []
    for tier, schedule in [("standard", price.standard), *price.tiers.items()]:
        for above, rates in [(0, schedule.base), *schedule.above]:
            figures = {
                "input_usd": rates.input,
                "cache_read_usd": rates.cache_read,
                "cache_write_usd": rates.cache_write,
                "output_usd": rates.output,
            }
            row: dict[str, object] = {key: Money(value * 10**6).decimal for key, value in figures.items()}
            rows.append({"tier": tier, "above_tokens": above, **row, "request_usd": Money(rates.request).decimal})
    return rows
