"""A sheet as one page of HTML: to be printed or sent, with nothing in it that is fetched or run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from html import escape

from gateway.core.money import Money
from gateway.plans.sheet import Row, Sheet, Value, shown

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid #8884; overflow-wrap: anywhere }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
p { margin: .3rem 0 }
@page { margin: 2cm } @media print { body { margin: 0; max-width: none } tr { break-inside: avoid } }
"""


def page(sheet: Sheet) -> str:
    """All of it. Whatever names say, they are text."""
    title = escape(sheet.title)
    parts = [f"<h1>{title}</h1><p>{escape(sheet.about)}</p>", *_figures(sheet.figures), *_table(sheet.rows)]
    for name, rows in (("limits", sheet.more), *sheet.tables.items()):
        if rows:
            parts += [f"<h2>{escape(_words(name))}</h2>", *_table(rows)]
    parts += [f"<p>{escape(note)}</p>" for note in sheet.notes]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _figures(figures: Row) -> Iterator[str]:
    if figures:
        lines = (
            f'<tr><th scope="row">{escape(_words(name))}</th>{_cell(name, figures[name])}</tr>' for name in figures
        )
        yield f"<table>{''.join(lines)}</table>"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    if rows:
        yield f"<table><thead><tr>{''.join(_heads(rows))}</tr></thead><tbody>"
        yield from (f"<tr>{''.join(_cell(name, value) for name, value in row.items())}</tr>" for row in rows)
        yield "</tbody></table>"


def _heads(rows: Sequence[Row]) -> Iterable[str]:
    for name in rows[0]:
        kind = ' class="number"' if any(_is_number(row[name]) for row in rows) else ""
        yield f'<th scope="col"{kind}>{escape(_words(name))}</th>'


def _cell(name: str, value: Value) -> str:
    kind = ' class="number"' if _is_number(value) else ""
    sign = "$" if name.endswith("_usd") and isinstance(value, Money) else ""
    return f"<td{kind}>{sign}{escape(shown(name, value))}</td>"


def _is_number(value: Value) -> bool:
    return isinstance(value, Money | Fraction | int)


def _words(name: str) -> str:
    return name.removesuffix("_usd").removesuffix("_share").replace("_", " ")
