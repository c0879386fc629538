"""Reading a period of the ledger: whole entries, one by one, gateway running or not."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

import msgspec

from gateway.core.entry import Entry
from gateway.core.price import Price
from gateway.ledger.rates import decoded

_entry = msgspec.json.Decoder(Entry)


def entries(
    database: sqlite3.Connection, since: float, until: float, providers: Collection[str] = (), model: str = ""
) -> Iterator[Entry]:
    """Entries from `since` until before `until`, adjustments included, oldest first; of these providers and this model
    where any are named. Raises sqlite3.Error."""
    query, values = "SELECT entry FROM entries WHERE at >= ? AND at < ?", [since, until]
    named: list[str | float] = [*values]
    if providers:
        query += f" AND provider IN ({','.join('?' * len(providers))})"
        named += providers
    if model:
        query += " AND model = ?"
        named.append(model)
    for (text,) in database.execute(f"{query} ORDER BY at, id", named):
        yield _entry.decode(text)


def all_prices(database: sqlite3.Connection) -> dict[str, Price]:
    """Every price that an entry was booked at, by its id; none in a ledger from before they were kept."""
    if database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'prices'").fetchone() is None:
        return {}
    return {name: decoded(text) for name, text in database.execute("SELECT id, price FROM prices")}
