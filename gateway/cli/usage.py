"""`fareway usage`: what was spent, by any dimension. Read from the ledger, gateway running or not."""

from __future__ import annotations

import argparse
import time
from typing import Any

from gateway.cli import export
from gateway.cli.books import reading
from gateway.cli.moments import moment
from gateway.cli.settings import Unusable, settings_of_books
from gateway.cli.table import FORMATS, print_rows
from gateway.ledger.reader import DIMENSIONS, FIGURES


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("usage", parents=[common], help="spend by team, model, day, …")
    parser.add_argument("--by", default="model", metavar="A,B", help=f"of {', '.join(DIMENSIONS)} (default: model)")
    parser.add_argument("--since", default="30d", metavar="30d|2026-11-01", help="how far back (default: 30d)")
    parser.add_argument("--until", default=None, metavar="2026-12-01", help="up to, not including (default: now)")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(run=_usage)
    export.add_to(parser.add_subparsers(title="more", metavar="export"), common)


def _usage(parsed: argparse.Namespace) -> int:
    names = parsed.by.split(",")
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown:
        raise Unusable(f"--by: {unknown[0]!r} is none of {', '.join(DIMENSIONS)}")
    now = time.time()
    since, until = moment(parsed.since, now), moment(parsed.until, now) if parsed.until else now + 1
    with reading(settings_of_books(parsed)) as ledger:
        rows = ledger.usage(names, since, until)
    if not rows and parsed.format == "table":
        print("No calls in that time.")
        return 0
    print_rows(rows, (*names, *FIGURES), parsed.format)
    return 0
