"""What was spent in a period, by any dimensions. Read from the ledger, gateway running or not."""

from __future__ import annotations

import sqlite3
from typing import Any

from gateway.core.money import Money

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
FIGURES = ("calls", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "unpriced_calls", "saved_usd")
_HALF = 10**6
"""Pico-dollars are summed in two halves: together they may pass the 64 bits that SQLite sums with."""

_QUERY = """
SELECT {dimensions}, sum(outcome != 'adjusted'), sum(input_tokens), sum(cached_tokens), sum(output_tokens),
    sum(cost_picos / {half}), sum(cost_picos IS NULL AND id NOT IN ({adjusted})),
    sum(saved_nanos), sum(cost_picos % {half})
FROM entries WHERE at >= ?1 AND at < ?2 AND ?3 IN ('', team)
GROUP BY {positions} ORDER BY total(cost_picos) DESC, {positions}
"""
_ADJUSTED = "SELECT substr(id, 1, instr(id, '~') - 1) FROM entries WHERE outcome = 'adjusted' AND at >= ?1 AND at < ?2"
"""What was adjusted has a price by now. An adjustment is no call, and has the moment of what it adjusts."""


def report(
    database: sqlite3.Connection, names: list[str], since: float, until: float, team: str = ""
) -> list[dict[str, object]]:
    """One row for each combination of these dimensions, dearest first; of one team alone, if any is named. Raises
    sqlite3.Error."""
    dimensions = ", ".join(DIMENSIONS[name] for name in names)
    positions = ", ".join(str(i + 1) for i in range(len(names)))
    query = _QUERY.format(dimensions=dimensions, positions=positions, half=_HALF, adjusted=_ADJUSTED)
    return [_row(names, values) for values in database.execute(query, (since, until, team))]


def _row(names: list[str], values: tuple[Any, ...]) -> dict[str, object]:
    *shown, low = values
    row: dict[str, Any] = dict(zip((*names, *FIGURES), shown, strict=True))
    high = row["cost_usd"]
    row["cost_usd"] = None if high is None else Money(high * _HALF + low).decimal  # None: all of them unpriced.
    row["saved_usd"] = Money.of_nanos(row["saved_usd"]).decimal
    return row
