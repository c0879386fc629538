"""Which table, in which format: what an export is asked for by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO

from gateway.core.entry import Entry
from gateway.core.price import Price
from gateway.export import calls, focus
from gateway.export.files import WRITERS

FOCUS = "focus"
CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Form:
    """`words`: calls or focus. `suffix`: one of WRITERS."""

    words: str
    suffix: str
    focus_version: str = focus.VERSIONS[0]


def write_table(form: Form, entries: Iterable[Entry], prices: Mapping[str, Price], file: IO[bytes]) -> int:
    """Write it; how many entries are not in it, since they have no price and a charge must have an amount. Raises
    NoParquet."""
    write = WRITERS[form.suffix]
    if form.words != FOCUS:
        write(map(calls.row, entries), calls.COLUMNS, file)
        return 0
    charges = focus.Charges(prices, form.focus_version)
    write(charges.rows(entries), focus.columns(form.focus_version), file)
    return charges.unpriced
