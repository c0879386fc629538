"""`fareway check` and `fareway schema`: whether the configuration is right, and what it comes to."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from gateway.assembly.routing import catalog
from gateway.assembly.simulated import with_simulator
from gateway.cli.settings import settings
from gateway.cli.table import FORMATS, print_rows
from gateway.config.json_schema import json_schema
from gateway.config.settings import Settings
from gateway.core.limit import Limit, Span, Unit, amount_text
from gateway.core.money import Money
from gateway.fleet.machine import Machine
from gateway.fleet.rate import SECOND_NS
from gateway.prices.stored import book_in_use

_COLUMNS = ("name", "deployment", "tier", "input_usd", "cached_usd", "output_usd", "price")
_PER_MILLION = 1_000_000


def add_to(commands: Any, _: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    parser = commands.add_parser("check", help="check a configuration and print the priced catalogue")
    parser.add_argument("config", nargs="?", type=Path, metavar="FILE", help="default: ./fareway.yaml")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(run=_check)
    schema = commands.add_parser("schema", help="print the JSON Schema of the configuration, for editors")
    schema.set_defaults(run=_schema)


def _check(parsed: argparse.Namespace) -> int:
    found = settings(parsed)
    rows = priced(with_simulator(found, ""))
    if parsed.format == "table":
        print(f"Providers: {', '.join(found.providers) or 'none, so the simulator will answer'}")
        for line in found.left_alone:
            print(line)
        print(f"Limits: {len(found.limits) or 'none'}")
        for limit in found.limits:
            print(f"  {_limit(limit)}")
        if rows:
            print("\nPrices in dollars per million tokens:")
        else:
            print("\nNo model is named. Every priced model of a provider can be called as provider/model.")
    if rows or parsed.format != "table":
        print_rows(rows, _COLUMNS, parsed.format)
    return 0


def _schema(_: argparse.Namespace) -> int:
    print(json.dumps(json_schema(), indent=2))
    return 0


def priced(found: Settings) -> list[dict[str, object]]:
    """Every configured name with its deployments and what they cost now."""
    book, now = book_in_use(found.home, found.prices.overrides, time.time()), time.time()
    names = catalog(found, lambda: book, time.time)
    rows = []
    for name in [*found.models, *found.aliases, *found.tiers]:
        for deployment in names.find(name):
            machine = found.machines.get(deployment.provider.name)
            price = book.price(deployment.provider.priced_as, deployment.model, now) if machine is None else None
            row: dict[str, object] = {"name": name, "deployment": deployment.name, "tier": deployment.tier}
            if price is not None:
                rates = price.standard.base
                row |= {
                    "input_usd": _million(rates.input),
                    "cached_usd": _million(rates.cache_read),
                    "output_usd": _million(rates.output),
                }
            rows.append(row | {"price": price.id if price is not None else _otherwise(machine, now)})
    return rows


def _otherwise(machine: Machine | None, now: float) -> str:
    """What a call costs where nobody lists a price a token."""
    if machine is None:
        return "UNPRICED: refused under a hard budget"
    picos, _ = machine.rate.at(round(now * SECOND_NS))
    return f"its share of {Money(picos)} an hour ({machine.count} x {machine.hardware}, {machine.priced})"


def _million(picos: int) -> str:
    return Money(picos * _PER_MILLION).decimal


def _limit(limit: Limit) -> str:
    span = "" if limit.unit is Unit.CONCURRENT else f" a {limit.window}"
    if limit.span is Span.ROLLING:
        span = f", {limit.window}"
    told = f", told at {', '.join(f'{percent}%' for percent in limit.alert)}" if limit.alert else ""
    return f"{limit.node}: {amount_text(limit.amount, limit.unit)}{span}, {limit.mode}, {limit.timezone}{told}"
