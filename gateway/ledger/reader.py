"""Reading a ledger for a report: whole entries, rates, and sums over a period, gateway running or not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from gateway.core.entry import Entry
from gateway.core.money import Money
from gateway.core.price import Price
from gateway.core.rating import Rating
from gateway.ledger.feedback import RATINGS, rating
from gateway.ledger.rates import decoded

Select = Callable[[str, Mapping[str, object]], Iterator[tuple[Any, ...]]]
"""Runs one query, whose values are named as `:name`."""

DIMENSIONS = {
    "org": "org",
    "team": "team",
    "user": '"user"',
    "key": "key_id",
    "model": "model",
    "asked_model": "asked_model",
    "provider": "provider",
    "tier": "tier",
    "deployment": "deployment",
    "outcome": "outcome",
    "cost_status": "cost_status",
    "day": "{day}",
    "hour": "{hour}",
}
FIGURES = ("calls", "input_tokens", "cached_tokens", "output_tokens", "cost_usd", "unpriced_calls", "saved_usd")
_HALF = 10**6
"""Pico-dollars are summed in two halves: together they may pass the 64 bits that SQLite sums with."""

_USAGE = """
SELECT {dimensions}, count(*) FILTER (WHERE outcome NOT IN ('adjusted', 'idle', 'trained')), sum(input_tokens),
    sum(cached_tokens), sum(output_tokens), sum(cost_picos / {half}),
    count(*) FILTER (WHERE cost_picos IS NULL AND id NOT IN ({adjusted})), sum(saved_nanos),
    sum(cost_picos - cost_picos / {half} * {half})
FROM entries WHERE at >= :since AND at < :until AND :team IN ('', team) AND :key IN ('', key_id) AND {among}
GROUP BY {positions} ORDER BY sum(cost_picos / {half}) DESC NULLS LAST, {positions}
"""
_PRICED_BY_NOW = "(cost_picos IS NOT NULL OR id IN ({adjusted}))"
_ADJUSTED = "SELECT {adjusts} FROM entries WHERE outcome = 'adjusted' AND at >= :since AND at < :until"
"""What was adjusted has a price by now. An adjustment is no call, and has the moment of what it adjusts."""
_PRICED = """
SELECT DISTINCT provider, model, {served}, {ran_on} FROM entries LEFT JOIN {parts} ON true
WHERE at >= :since AND outcome <> 'idle'
"""

_entry = msgspec.json.Decoder(Entry)


@dataclass(frozen=True, slots=True)
class Words:
    """What databases call differently."""

    day: str  # The day of `at` as text, UTC.
    hour: str
    adjusts: str  # What stands in an id before the ~.
    served: str  # The model that an entry says was served.
    parts: str  # The parts of an entry, one a row, as `part`.
    ran_on: str  # The model of one of them.


class Reader:
    """A ledger that is only read. Every method may raise Unavailable, those that yield also later."""

    def __init__(self, select: Select, words: Words) -> None:
        self._select = select
        self._words = words

    def entries(self, since: float, until: float, providers: Collection[str] = (), model: str = "") -> Iterator[Entry]:
        """Entries from `since` until before `until`, adjustments included, oldest first; of these providers and this
        model where any are named."""
        query = "SELECT entry FROM entries WHERE at >= :since AND at < :until"
        values: dict[str, object] = {"since": since, "until": until}
        if providers:
            named = {f"provider{number}": provider for number, provider in enumerate(providers)}
            query += f" AND provider IN ({', '.join(f':{name}' for name in named)})"
            values |= named
        if model:
            query += " AND model = :model"
            values["model"] = model
        for (text,) in self._select(f"{query} ORDER BY at, id", values):
            yield _entry.decode(text)

    def count(self, since: float, until: float) -> int:
        """How many entries there are from `since` until before `until`, adjustments included."""
        query = "SELECT count(*) FROM entries WHERE at >= :since AND at < :until"
        ((found,),) = self._select(query, {"since": since, "until": until})
        return cast("int", found)

    def request(self, request_id: str) -> list[Entry]:
        """All entries of one request, in their order, without adjustments."""
        query = "SELECT entry FROM entries WHERE request_id = :name AND outcome <> 'adjusted' ORDER BY at, id"
        return [_entry.decode(text) for (text,) in self._select(query, {"name": request_id})]

    def prices(self) -> dict[str, Price]:
        """Every price that an entry was booked at, by its id."""
        return {name: decoded(text) for name, text in self._select("SELECT id, price FROM prices", {})}

    def began(self) -> float | None:
        """When the first call was, in Unix seconds."""
        ((first,),) = self._select("SELECT min(at) FROM entries", {})
        return cast("float | None", first)

    def ratings(self, since: float) -> Iterator[Rating]:
        """What was said about answers since then, oldest first."""
        for row in self._select(f"{RATINGS} WHERE at >= :since ORDER BY at, request_id", {"since": since}):
            yield rating(row)

    def balances(self, accounts: Sequence[str]) -> dict[str, int]:
        """What was spent on these accounts, by all replicas; one on which nothing was is missing."""
        if not accounts:
            return {}
        named: dict[str, object] = {f"account{number}": account for number, account in enumerate(accounts)}
        among = ", ".join(f":{name}" for name in named)
        query = f"SELECT account, sum(spent) FROM balances WHERE account IN ({among}) GROUP BY account"  # noqa: S608
        return {account: int(spent) for account, spent in self._select(query, named)}

    def called(self, since: float) -> list[tuple[str, str]]:
        """Every (provider, model) that was called since then."""
        query = "SELECT DISTINCT provider, model FROM entries WHERE at >= :since AND outcome <> 'idle'"
        return [(provider, model) for provider, model in self._select(query, {"since": since})]

    def priced(self, since: float) -> set[tuple[str, str]]:
        """Every (provider, model) whose price decides on what was called since then: the deployments' own, those that
        answers named, and those that parts ran on. It reads each entry whole."""
        words = self._words
        query = _PRICED.format(served=words.served, parts=words.parts, ran_on=words.ran_on)
        rows = self._select(query, {"since": since})
        return {(provider, model) for provider, *models in rows for model in models if model}

    def newest(self, wanted: Mapping[str, str], since: float, before: tuple[float, str], count: int) -> Iterator[Entry]:
        """Entries since then, adjustments included, newest first, from the one after `before` on: a moment and an id.
        `wanted`: only those that have this value in each of these DIMENSIONS."""
        query = "SELECT entry FROM entries WHERE at >= :since AND (at, id) < (:before, :id)"
        values: dict[str, object] = {"since": since, "before": before[0], "id": before[1], "count": count}
        for name, value in wanted.items():
            query += f" AND {DIMENSIONS[name]} = :of_{name}"
            values[f"of_{name}"] = value
        for (text,) in self._select(f"{query} ORDER BY at DESC, id DESC LIMIT :count", values):
            yield _entry.decode(text)

    def usage(
        self,
        names: Sequence[str],
        since: float,
        until: float,
        team: str = "",
        key: str = "",
        *,
        only_priced: bool = False,
    ) -> list[dict[str, object]]:
        """One row for each combination of these DIMENSIONS, dearest first; of one team or key alone, if named.
        `only_priced`: without calls that have no price by now. Then a row without a cost has all of it in adjustments.
        """
        words = self._words
        dimensions = ", ".join(DIMENSIONS[name].format(day=words.day, hour=words.hour) for name in names)
        positions = ", ".join(str(number) for number in range(1, len(names) + 1))
        adjusted = _ADJUSTED.format(adjusts=words.adjusts)
        values = {"since": since, "until": until, "team": team, "key": key}
        among = _PRICED_BY_NOW.format(adjusted=adjusted) if only_priced else "true"
        query = _USAGE.format(dimensions=dimensions, positions=positions, half=_HALF, adjusted=adjusted, among=among)
        return [_row(names, values) for values in self._select(query, values)]


def _row(names: Sequence[str], values: tuple[Any, ...]) -> dict[str, object]:
    shown, sums = values[: len(names)], [None if value is None else int(value) for value in values[len(names) :]]
    *figures, low = sums
    row: dict[str, Any] = dict(zip((*names, *FIGURES), (*shown, *figures), strict=True))
    high = row["cost_usd"]
    row["cost_usd"] = None if high is None else Money(high * _HALF + low).decimal  # None: all of them unpriced.
    row["saved_usd"] = Money.of_nanos(row["saved_usd"]).decimal
    return row
