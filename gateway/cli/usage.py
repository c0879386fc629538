"""`fareway usage`: what was spent, by any dimension. Read from the ledger, gateway running or not."""

from __future__ import annotations

import argparse
import sqlite3
import time
from contextlib import closing
from typing import Any

from gateway.cli.moments import moment
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.core.money import Money
from gateway.ledger.sqlite import connect

DIMENSIONS = {
    "org": "org",
    "team": "team",
    "user": "user",
    "key": "key_id",
    "model": "model",
    "asked_model": "asked_model",
    "provider": "provider",
    "tier": "tier",
    "deployment": "deployment",
    "outcome": "outcome",
    "cost_status": "cost_status",
    "day": "date(at, 'unixepoch')",
    "hour": "strftime('%Y-%m-%dT%H:00Z', at, 'unixepoch')",
}
_FIGURES = ("calls", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "unpriced_calls", "saved_usd")
_HALF = 10**6
"""Pico-dollars are summed in two halves: together they may pass the 64 bits that SQLite sums with."""

_QUERY = """
SELECT {dimensions}, sum(outcome != 'adjusted'), sum(input_tokens), sum(cached_tokens), sum(output_tokens),
    sum(cost_picos / {half}), sum(cost_picos IS NULL AND id NOT IN ({adjusted})),
    sum(saved_nanos), sum(cost_picos % {half})
FROM entries WHERE at >= ?1 AND at < ?2 GROUP BY {positions} ORDER BY total(cost_picos) DESC, {positions}
"""
_ADJUSTED = "SELECT substr(id, 1, instr(id, '~') - 1) FROM entries WHERE outcome = 'adjusted' AND at >= ?1 AND at < ?2"
"""What was adjusted has a price by now. An adjustment is no call, and has the moment of what it adjusts."""


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("usage", parents=[common], help="spend by team, model, day, …")
    parser.add_argument("--by", default="model", metavar="A,B", help=f"of {', '.join(DIMENSIONS)} (default: model)")
    parser.add_argument("--since", default="30d", metavar="30d|2026-11-01", help="how far back (default: 30d)")
    parser.add_argument("--until", default=None, metavar="2026-12-01", help="up to, not including (default: now)")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(run=_usage)


def _usage(parsed: argparse.Namespace) -> int:
    names = parsed.by.split(",")
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown:
        raise Unusable(f"--by: {unknown[0]!r} is none of {', '.join(DIMENSIONS)}")
    now = time.time()
    since, until = moment(parsed.since, now), moment(parsed.until, now) if parsed.until else now + 1
    path = settings(parsed).ledger
    if not path.exists():
        raise Unusable(f"there is no ledger at {path} yet: it begins with the first call")
    try:
        with closing(connect(path, readonly=True)) as database:
            rows = report(database, names, since, until)
    except sqlite3.Error as error:
        raise Unusable(f"cannot read the ledger at {path}: {error}") from None
    if not rows and parsed.format == "table":
        print("No calls in that time.")
        return 0
    print_rows(rows, (*names, *_FIGURES), parsed.format)
    return 0


def report(database: sqlite3.Connection, names: list[str], since: float, until: float) -> list[dict[str, object]]:
    """One row for each combination of these dimensions, dearest first. Raises sqlite3.Error."""
    dimensions = ", ".join(DIMENSIONS[name] for name in names)
    positions = ", ".join(str(i + 1) for i in range(len(names)))
    query = _QUERY.format(dimensions=dimensions, positions=positions, half=_HALF, adjusted=_ADJUSTED)
    return [_row(names, values) for values in database.execute(query, (since, until))]


def _row(names: list[str], values: tuple[Any, ...]) -> dict[str, object]:
    *shown, low = values
    row: dict[str, Any] = dict(zip((*names, *_FIGURES), shown, strict=True))
    high = row["cost_usd"]
    row["cost_usd"] = None if high is None else Money(high * _HALF + low).decimal  # None: all of them unpriced.
    row["saved_usd"] = Money.of_nanos(row["saved_usd"]).decimal
    return row
