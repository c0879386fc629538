"""The two sides of a reconciliation: what the ledger says and what a provider's bill says, by day and model. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from gateway.core.entry import Entry, Outcome, Part
from gateway.core.lines import counted, of_entry
from gateway.core.money import Money
from gateway.core.price import CostStatus, Price
from gateway.ledger.exports.rows import Billed, Kind

Place = tuple[str, str]
"""A UTC day and a model's `plain_name`."""

Amount = tuple[str, Kind, int]
"""Of a model, empty for the call's own: pico-dollars of a class."""

UNSURE = {CostStatus.ESTIMATED, CostStatus.UNCERTAIN}

_VENDOR = re.compile(r"^(?:(?:us|eu|apac|global|jp|au|ca|sa)\.)?[a-z0-9]+\.(?=[a-z])")
_STAMP = re.compile(r"(?:[-@ ](?:\d{4}-\d\d-\d\d|\d{8}|\d{4}|latest|v\d+(?::\d+)?))+$")


@dataclass(slots=True)
class Side:
    """What one side says of one model on one day. Tokens, and pico-dollars, by class."""

    name: str = ""  # The model as this side writes it.
    tokens: Counter[Kind] = field(default_factory=Counter)
    picos: Counter[Kind] = field(default_factory=Counter)
    unsure: int = 0  # Pico-dollars of entries that are estimated or uncertain.
    unpriced: int = 0  # Calls.
    tiers: set[str] = field(default_factory=set)
    has_tokens: bool = False  # An export may tell amounts alone, or tokens alone.
    has_amounts: bool = False

    @property
    def total(self) -> Money:
        """All classes together."""
        return Money(self.picos.total())


Sides = Mapping[Place, Side]


@lru_cache(maxsize=1024)
def plain_name(model: str) -> str:
    """What is left of a model's name when vendors, regions, dates, versions and punctuation are taken away: each
    export writes it in its own way."""
    name = _VENDOR.sub("", model.lower().rpartition("/")[2])
    return re.sub(r"[^a-z0-9]", "", _STAMP.sub("", name))


def day_of_entry(entry: Entry) -> str:
    """The day on which a call left, UTC."""
    return datetime.fromtimestamp(int(entry.at), UTC).date().isoformat()


def booked(entries: Iterable[Entry], prices: Mapping[str, Price], *, by_model: bool = True) -> dict[Place, Side]:
    """The ledger's side. Adjustments count on the day of what they adjust, and parts of a call at the models that they
    ran on; what was cached cost nothing."""
    sides: dict[Place, Side] = {}
    adjusted = set()

    def side_of(entry: Entry, model: str = "") -> Side:
        name = (model or entry.served_model) if by_model else ""
        side = sides.setdefault((day_of_entry(entry), plain_name(name)), Side(name))
        side.has_tokens = side.has_amounts = True
        return side

    for entry in sorted(entries, key=lambda e: e.outcome is not Outcome.ADJUSTED):
        if entry.outcome is Outcome.CACHED:
            continue
        adjusted.add(entry.adjusts)
        for part in _parts(entry):
            tokens = side_of(entry, part.model).tokens
            for counter, count in counted(part.usage).items():
                if (kind := _class(counter)) is not Kind.OTHER:
                    tokens[kind] += count
        for model, kind, picos in _amounts(entry, prices):
            side_of(entry, model).picos[kind] += picos
        side = side_of(entry)
        side.unsure += abs(entry.cost.known.picos) if entry.cost.status in UNSURE else 0
        side.unpriced += entry.cost.total is None and entry.id not in adjusted
        side.tiers |= {entry.service_tier} - {""}
    return sides


def names_models(rows: Sequence[Billed]) -> bool:
    """Whether a bill's amounts, or where there are none its tokens, are told by model."""
    amounts = [row for row in rows if row.amount is not None]
    return any(row.model for row in amounts or rows)


def billed(rows: Iterable[Billed], *, by_model: bool = True) -> dict[Place, Side]:
    """The provider's side."""
    sides: dict[Place, Side] = {}
    for row in rows:
        name = row.model if by_model else ""
        side = sides.setdefault((row.day, plain_name(name)), Side(name))
        if row.tokens is not None:
            side.has_tokens = True
            side.tokens[row.kind] += row.tokens
        if row.amount is not None:
            side.has_amounts = True
            side.picos[row.kind] += row.amount.picos
        side.tiers |= {row.tier} - {""}
    return sides


def _parts(entry: Entry) -> Sequence[Part]:
    return entry.parts or [Part(entry.usage, entry.cost)]


def _amounts(entry: Entry, prices: Mapping[str, Price]) -> list[Amount]:
    if entry.cost.total is None:
        return []
    lines = None if entry.outcome is Outcome.ADJUSTED else of_entry(entry, prices)
    return _by_part(entry) if lines is None else [(one.model, _class(one.kind), one.amount.picos) for one in lines]


def _by_part(entry: Entry) -> list[Amount]:
    """By what the cost itself keeps apart, for entries whose rates are not known any more."""
    found: list[Amount] = []
    for part in _parts(entry):
        cost, usage = part.cost, part.usage
        cache = Kind.CACHE_READ if usage.cache_read or not usage.input_total else Kind.CACHE_WRITE
        amounts = {Kind.INPUT: cost.input, cache: cost.cache, Kind.OUTPUT: cost.output, Kind.OTHER: cost.fees}
        found += [(part.model, kind, amount.picos) for kind, amount in amounts.items()]
    return [*found, ("", Kind.OTHER, entry.cost.known.picos - sum(picos for _, _, picos in found))]


def _class(counter: str) -> Kind:
    for kind in (Kind.CACHE_READ, Kind.CACHE_WRITE, Kind.INPUT, Kind.OUTPUT):
        if counter.startswith(kind):
            return kind
    return Kind.OTHER
