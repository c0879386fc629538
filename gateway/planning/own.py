"""Machines of our own as they were used, beside what an API would have taken for the same tokens. From the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import SEPARATOR, Price

Route = tuple[str, str]
"""A provider and a model."""


@dataclass(frozen=True, slots=True)
class Own:
    """The machines of one provider over some time."""

    provider: str
    calls: int
    busy: Money  # What its calls were charged.
    idle: Money  # What nobody used.
    beside: Route | None  # The API that would have taken least; None where none with a price was called.
    api: Money | None  # What it would have taken.

    @property
    def paid(self) -> Money:
        """All of it."""
        return self.busy + self.idle

    @property
    def utilisation(self) -> Fraction:
        """How much of what was paid calls have used."""
        return Fraction(self.busy.picos, self.paid.picos) if self.paid else Fraction(0)

    @property
    def flips_at(self) -> Fraction | None:
        """The utilisation from which on the machines are cheaper, with calls such as these; above 1 they never are."""
        return self.utilisation * self.paid.picos / self.api.picos if self.api else None


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    busy: int = 0  # Pico-dollars, both.
    idle: int = 0
    again: set[str] = field(default_factory=set)  # Calls that count, and may come once more.


def own_machines(entries: Iterable[Entry], prices: Mapping[str, Price]) -> list[Own]:
    """Of each provider of our own, dearest first. The entries, oldest first, are gone through twice: which APIs there
    are is known only at the end. An API's price is that of its last call."""
    latest: dict[Route, Price] = {}
    for entry in entries:
        name = entry.cost.price_id or ""
        if not entry.selfhosted and name in prices and SEPARATOR not in name and entry.outcome is not Outcome.ADJUSTED:
            latest[entry.provider, entry.model] = prices[name]
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    elsewhere: defaultdict[str, dict[Route, int]] = defaultdict(lambda: dict.fromkeys(latest, 0))
    for entry in entries:
        if not entry.selfhosted or entry.outcome is Outcome.CACHED:
            continue
        one = sums[entry.provider]
        if entry.of_nobody:
            one.idle += entry.cost.known.picos
            continue
        one.busy += entry.cost.known.picos
        if entry.outcome not in NO_CALLS:
            one.calls += entry.request_id not in one.again
            if entry.outcome is not Outcome.OK:  # It may have been tried once more.
                one.again.add(entry.request_id)
            for route, price in latest.items():
                elsewhere[entry.provider][route] += price.of(entry.usage).known.picos
    found = [_own(provider, one, elsewhere[provider]) for provider, one in sums.items()]
    return sorted(found, key=lambda own: (-own.paid.picos, own.provider))


def _own(provider: str, one: _Sum, elsewhere: Mapping[Route, int]) -> Own:
    beside = min(elsewhere, key=lambda route: elsewhere[route], default=None)
    api = None if beside is None else Money(elsewhere[beside])
    return Own(provider, one.calls, Money(one.busy), Money(one.idle), beside, api)
