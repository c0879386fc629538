"""What a cost is made of, line by line: so much of a class, at its rate. The lines add up to the cost, always."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from gateway.core.entry import Entry, Outcome, Part
from gateway.core.money import ZERO, Money
from gateway.core.price import CostStatus, Price
from gateway.core.usage import Usage

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "input": "input",
        "input_tool": "input",
        "input_audio": "input_audio",
        "input_image": "input_image",
        "input_video": "input_video",
        "cache_read": "cache_read",
        "cache_read_audio": "cache_read_audio",
        "cache_read_image": "cache_read_image",
        "cache_write": "cache_write",
        "cache_write_1h": "cache_write_1h",
        "cache_write_12h": "cache_write_12h",
        "output": "output",
        "output_reasoning": "output_reasoning",
        "output_audio": "output_audio",
        "output_image": "output_image",
    }
)
"""Counters of tokens in Usage, and the fields of Rates that they pay."""


class Line(Struct, frozen=True):
    """So many of one class, at one rate. A rate of None: there is none, the amount is what it is."""

    kind: str  # A counter of Usage or Extras; or why there is a rest.
    count: int
    rate: Money | None  # For one of them.
    amount: Money
    model: str = ""  # Of a part that ran on another model than the call's own.

    @property
    def of_tokens(self) -> bool:
        """Whether tokens are counted: their rates are told by the million."""
        return self.kind in CLASSES


def counted(usage: Usage) -> dict[str, int]:
    """All counters of which there is any, by name."""
    tokens = {name: count for name in CLASSES if (count := getattr(usage, name))}
    return tokens | (usage.extras.counted() if usage.extras is not None else {})


def lines(usage: Usage, price: Price, service_tier: str | None = None, model: str = "") -> list[Line]:
    """What usage costs at a price: the sum is `price.of(usage, service_tier).total`, less what no rate explains."""
    rates, _ = price.rates_for(usage, service_tier)
    found = []
    for name, count in counted(usage).items():
        rate = getattr(rates, CLASSES[name]) if name in CLASSES else rates.extras.get(name)
        found.append(_line(name, max(count, rates.least.get(name, 0)), rate, model))
    if usage.requests and rates.request:
        found.append(_line("requests", usage.requests, rates.request, model))
    return found


def of_entry(entry: Entry, prices: Mapping[str, Price]) -> list[Line] | None:
    """The lines of an entry, by the prices with these ids; None where the cost or a price is not known."""
    whole = entry.outcome is Outcome.ADJUSTED or entry.of_machine  # No counter explains it.
    if entry.cost.total is None or not (whole or entry.price_ids <= prices.keys()):
        return None
    found = [] if whole else _explained(entry, prices)
    rest = entry.cost.total - Money(sum(line.amount.picos for line in found))
    return [*found, Line(_why(entry), 1, None, rest)] if rest else found


def _explained(entry: Entry, prices: Mapping[str, Price]) -> list[Line]:
    found = []
    for part in entry.parts or [Part(entry.usage, entry.cost)]:
        if part.cost.price_id is not None:
            found += lines(part.usage, prices[part.cost.price_id], entry.service_tier or None, part.model)
    return found


def _why(entry: Entry) -> str:
    """What the rest is that rates and counters do not explain."""
    if entry.of_machine:
        return "machine_idle" if entry.of_nobody else "machine_time"
    if entry.outcome is Outcome.ADJUSTED:
        return "adjustment"
    if entry.cost.status is CostStatus.REPORTED:
        return "reported_difference"
    if entry.outcome is Outcome.TRAINED:
        return "training"
    return "held" if entry.uncounted else "other"


def _line(kind: str, count: int, rate: int | None, model: str) -> Line:
    if rate is None:
        return Line(kind, count, None, ZERO, model)
    return Line(kind, count, Money(rate), Money(count * rate), model)
