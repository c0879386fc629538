"""What comes of a plan: figures under each other, tables, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

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
    title: str = ""  # Of a page,
    about: str = ""  # and what time it is of.


def document(sheet: Sheet) -> dict[str, object]:
    """As JSON tells it: money as text, to the pico-dollar."""
    told: dict[str, object] = {name: plain(value) for name, value in sheet.figures.items()}
    for name, rows in (("rows", sheet.rows), ("limits", sheet.more), *sheet.tables.items()):
        if rows:
            told[name] = [{column: plain(value) for column, value in row.items()} for row in rows]
    return told | ({"notes": list(sheet.notes)} if sheet.notes else {})


def plain(value: Value) -> object:
    """A value as programs read it."""
    match value:
        case Money():
            return value.decimal
        case Fraction():
            return float(round(value, 9))
        case _:
            return value


def shown(name: str, value: Value) -> str:
    """A value for people. `name`: of its column."""
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
