"""Printing rows as a table, as JSON, or as CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence

from gateway.export.files import tamed

FORMATS = ("table", "json", "csv")

Row = Mapping[str, object]


def print_rows(rows: Sequence[Row], columns: Sequence[str], form: str) -> None:
    """Print to stdout. Columns whose first value is a number, or named `…_usd`, stand to the right."""
    if form == "json":
        print(json.dumps([dict(row) for row in rows], indent=2))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: tamed(value) for name, value in row.items()} for row in rows)
    else:
        _print_table(rows, columns)


def _print_table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    cells = [[_text(row.get(name)) for name in columns] for row in rows]
    widths = [max([len(name), *(len(line[i]) for line in cells)]) for i, name in enumerate(columns)]
    right = [name.endswith("_usd") or any(isinstance(row.get(name), int) for row in rows) for name in columns]
    for line in [list(columns), *cells]:
        padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
        print("  ".join(padded).rstrip())


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
