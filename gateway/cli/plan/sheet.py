"""What a plan prints: figures under each other, a table, and notes; or all of it as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from gateway.cli.settings import Unusable
from gateway.cli.table import print_rows
from gateway.core.money import Money
from gateway.planning.amounts import decimals, fine, percent

Value = Money | Fraction | int | str | None
Row = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Names end in `_usd` for money and in `_share` for shares."""

    figures: Row = field(default_factory=dict)
    rows: Sequence[Row] = ()
    notes: Sequence[str] = ()
    plot: str = ""  # As SVG.
    more: Sequence[Row] = ()  # A second table, `limits` in JSON.
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict)  # Further ones, each under its name.


def add_format(parser: argparse.ArgumentParser, *, plot: bool = False) -> None:
    """Declare how it is printed."""
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    if plot:
        parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="write a plot, too")


def show(sheet: Sheet, parsed: argparse.Namespace) -> int:
    """Print it, and write its plot where that is asked for. Raises Unusable."""
    if parsed.format == "json":
        print(json.dumps(_document(sheet), indent=2, ensure_ascii=False))
    else:
        _print(sheet)
    if getattr(parsed, "plot", None) is not None:
        _write(sheet.plot, parsed.plot)
    return 0


def _document(sheet: Sheet) -> dict[str, object]:
    told: dict[str, object] = {name: _plain(value) for name, value in sheet.figures.items()}
    for name, rows in (("rows", sheet.rows), ("limits", sheet.more), *sheet.tables.items()):
        if rows:
            told[name] = [{column: _plain(value) for column, value in row.items()} for row in rows]
    return told | ({"notes": list(sheet.notes)} if sheet.notes else {})


def _plain(value: Value) -> object:
    match value:
        case Money():
            return value.decimal
        case Fraction():
            return float(round(value, 9))
        case _:
            return value


def _print(sheet: Sheet) -> None:
    if sheet.figures:
        told = [{"": name, " ": _text(name, value)} for name, value in sheet.figures.items()]
        width = max(len(row[""]) for row in told)
        for row in told:
            print(f"{row['']:{width}}  {row[' ']}")
    for rows in filter(None, (sheet.rows, sheet.more)):
        if sheet.figures or rows is sheet.more:
            print()
        _print_table(rows)
    for name, rows in sheet.tables.items():
        if rows:
            print(f"\n{name}")
            _print_table(rows)
    if sheet.notes:
        print("\n" + "\n".join(sheet.notes))


def _print_table(rows: Sequence[Row]) -> None:
    columns = list(rows[0])
    cells = [{name: _text(name, row[name]) for name in columns} for row in rows]
    for name in columns:
        if any(isinstance(row[name], Money | Fraction | int) for row in rows):
            width = max(len(name), *(len(line[name]) for line in cells))
            for line in cells:
                line[name] = line[name].rjust(width)
    heads = [name.rjust(len(cells[0][name])) if cells[0][name] != cells[0][name].lstrip() else name for name in columns]
    print_rows([dict(zip(heads, line.values(), strict=True)) for line in cells], heads, "table")


def _text(name: str, value: Value) -> str:
    match value:
        case None:
            return "-"
        case Money():
            return _grouped(fine(value))
        case Fraction():
            return percent(value) if name.endswith("_share") else _grouped(decimals(value))
        case int():
            return f"{value:,}"
        case _:
            return value


def _grouped(number: str) -> str:
    whole, point, rest = number.partition(".")
    return f"{int(whole):,}{point}{rest}" if whole != "-0" else number


def _write(plot: str, where: Path) -> None:
    if not plot:
        raise Unusable("there is nothing to plot")
    try:
        where.write_text(plot)
    except OSError as error:
        raise Unusable(f"cannot write the plot: {error}") from None
