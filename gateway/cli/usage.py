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
from gateway.ledger.sqlite import connect
from gateway.ledger.usage import DIMENSIONS, FIGURES, report


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
    print_rows(rows, (*names, *FIGURES), parsed.format)
    return 0
