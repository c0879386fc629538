"""`fareway reconcile`: the ledger beside a provider's own export, and why they differ."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from gateway.catalog.providers import KNOWN
from gateway.cli.books import reading
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.config.settings import Settings
from gateway.core.money import Money
from gateway.ledger.exports import PRICED_AS, READERS, Billed, ExportError, read
from gateway.ledger.reconcile import Drift, compare, share
from gateway.ledger.sides import Sides, billed, booked, names_models

_COLUMNS = (
    *("day", "model", "class", "ledger_tokens", "billed_tokens"),
    *("ledger_usd", "billed_usd", "difference_usd", "likely_cause"),
)
_EXIT_DRIFT = 1


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("reconcile", parents=[common], help="compare the ledger with a provider's bill")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="the provider's exports: JSON pages or CSV")
    parser.add_argument("--provider", required=True, choices=tuple(READERS))
    parser.add_argument("--from", dest="since", metavar="2026-11-01", help="first day, UTC (default: the export's)")
    parser.add_argument("--to", dest="until", metavar="2026-12-01", help="up to that day, not including")
    parser.add_argument("--threshold", default="1%", metavar="1%%", help="exit with 1 above this drift (default: 1%%)")
    parser.add_argument("--all", action="store_true", help="show also what agrees")
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.set_defaults(run=_reconcile)


def _reconcile(parsed: argparse.Namespace) -> int:
    threshold = _percent(parsed.threshold)
    rows = [row for path in parsed.files for row in _read(parsed.provider, path)]
    since, until = _days(parsed, rows)
    by_model = names_models(rows)
    bill = billed((row for row in rows if since <= row.day < until), by_model=by_model)
    ledger = _ledger(settings(parsed), parsed.provider, since, until, by_model=by_model)
    drift = share(ledger, bill)
    found = list(compare(ledger, bill))
    shown = [_row(each) for each in found if parsed.all or each.differs]
    ours, theirs = _total(ledger), _total(bill)
    if parsed.format == "json":
        period = {"provider": parsed.provider, "from": since, "to": until}
        sums = {"ledger_usd": ours.decimal, "billed_usd": theirs.decimal, "difference_usd": (theirs - ours).decimal}
        told = period | sums | {"drift_percent": _as_percent(drift), "within_threshold": drift <= threshold}
        print(json.dumps(told | {"rows": shown}, indent=2))
    else:
        print_rows(shown, _COLUMNS, parsed.format)
    if parsed.format == "table":
        print(f"{since} until {until}: ledger {ours}, bill {theirs}, drift {_as_percent(drift)} %.")
    return 0 if drift <= threshold else _EXIT_DRIFT


def _read(provider: str, path: Path) -> list[Billed]:
    try:
        return read(provider, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ExportError) as error:
        raise Unusable(f"cannot read {path}: {error}") from None


def _days(parsed: argparse.Namespace, rows: Sequence[Billed]) -> tuple[str, str]:
    """First day, and the day after the last one."""
    for text in (parsed.since, parsed.until):
        if text is not None and not _is_day(text):
            raise Unusable(f"{text!r} is not a day such as 2026-11-01")
    days = [row.day for row in rows]
    since, until = parsed.since or min(days), parsed.until or _next(max(days))
    if since >= until:
        raise Unusable(f"there is no day from {since} until {until}: the bill is of {min(days)} to {max(days)}")
    return since, until


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _next(day: str) -> str:
    return (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()


def _ledger(found: Settings, vendor: str, since: str, until: str, *, by_model: bool) -> Sides:
    """What the ledger says of every provider that this vendor bills."""
    known = KNOWN | dict(found.providers)
    names = [name for name, provider in known.items() if provider.priced_as == PRICED_AS[vendor]]
    begin, end = (datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() for day in (since, until))
    with reading(found) as ledger:
        return booked(ledger.entries(begin, end, names), ledger.prices(), by_model=by_model)


def _row(drift: Drift) -> dict[str, object]:
    ours, theirs = drift.ledger_amount, drift.billed_amount
    apart = theirs - ours if ours is not None and theirs is not None else None
    amounts = [None if amount is None else amount.decimal for amount in (ours, theirs, apart)]
    values = (drift.day, drift.model, drift.kind, drift.ledger_tokens, drift.billed_tokens, *amounts, drift.cause)
    return dict(zip(_COLUMNS, values, strict=True))


def _total(sides: Sides) -> Money:
    return Money(sum(side.total.picos for side in sides.values()))


def _percent(text: str) -> Fraction:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text)
    if found is None:
        raise Unusable(f"--threshold: {text!r} is not a percentage such as 1%")
    return Fraction(found[1]) / 100


def _as_percent(part: Fraction) -> str:
    return f"{float(part * 100):.3f}"
