"""How what comes of a plan is printed: as tables for people, as JSON, as CSV; and its plot and page."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from gateway.cli.plan.picture import png
from gateway.cli.settings import Unusable
from gateway.cli.table import print_rows
from gateway.core.money import Money
from gateway.plans.page import page
from gateway.plans.sheet import Row, Sheet, document, plain, shown


def add_format(parser: argparse.ArgumentParser, *, plot: bool = False, page: bool = False) -> None:
    """Declare how it is printed."""
    formats = ("table", "json", "csv") if page else ("table", "json")
    parser.add_argument("--format", choices=formats, default="table")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")
    if plot:
        parser.add_argument("--plot", type=_drawn, metavar="FILE.svg", help="write a plot, too: .svg, or .png")
    if page:
        parser.add_argument("--html", type=Path, metavar="FILE.html", help="write a page to be printed, too")


def _drawn(text: str) -> Path:
    where = Path(text)
    if where.suffix not in (".svg", ".png"):
        raise argparse.ArgumentTypeError(f"{text!r} ends neither in .svg nor in .png")
    return where


def show(sheet: Sheet, parsed: argparse.Namespace) -> int:
    """Print it, and write its plot where that is asked for. Raises Unusable."""
    if parsed.format == "json":
        print(json.dumps(document(sheet), indent=2, ensure_ascii=False))
    elif parsed.format == "csv":
        _print_csv(sheet.rows)
    else:
        _print(sheet)
    if getattr(parsed, "plot", None) is not None:
        _write_plot(sheet.plot, parsed.plot)
    if getattr(parsed, "html", None) is not None:
        _write(page(sheet).encode(), parsed.html)
    return 0


def _print(sheet: Sheet) -> None:
    if sheet.figures:
        told = [{"": name, " ": shown(name, value)} for name, value in sheet.figures.items()]
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
    cells = [{name: shown(name, row[name]) for name in columns} for row in rows]
    for name in columns:
        if any(isinstance(row[name], Money | Fraction | int) for row in rows):
            width = max(len(name), *(len(line[name]) for line in cells))
            for line in cells:
                line[name] = line[name].rjust(width)
    heads = [name.rjust(len(cells[0][name])) if cells[0][name] != cells[0][name].lstrip() else name for name in columns]
    print_rows([dict(zip(heads, line.values(), strict=True)) for line in cells], heads, "table")


def _print_csv(rows: Sequence[Row]) -> None:
    """The rows alone, with amounts to the pico-dollar: they add up."""
    exact = [{name: plain(value) for name, value in row.items()} for row in rows]
    print_rows(exact, list(exact[0]), "csv")


def _write_plot(plot: str, where: Path) -> None:
    if not plot:
        raise Unusable("there is nothing to plot")
    _write(png(plot) if where.suffix == ".png" else plot.encode(), where)


def _write(data: bytes, where: Path) -> None:
    try:
        where.write_bytes(data)
    except OSError as error:
        raise Unusable(f"cannot write {where}: {error}") from None
