"""What nodes have spent, day by day, as the ledger sums it up, and how each goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from gateway.core.money import ZERO, Money
from gateway.core.node import Place, names_of
from gateway.ledger.reader import Reader
from gateway.planning.forecast import DAY_S, Fit, fit, series
from gateway.planning.scenarios import Scenario, factors, latest_prices
from gateway.planning.traffic import Call, calls
from gateway.plans.books import Entries, Period

EPOCH = date(1970, 1, 1).toordinal()

Kinds = Sequence[str]
"""Of nodes: team, model, and so on; none for everything together."""
Node = tuple[str, ...]
"""One name for each kind."""


@dataclass(frozen=True, slots=True)
class Course:
    """How one node has spent, and how it goes on."""

    by_day: Mapping[int, Money]
    days: int  # Whole days that the fit is of.
    fit: Fit | None  # None where there is no whole day yet.
    factor: Fraction  # Of what is to come, by the scenario.


@dataclass(frozen=True, slots=True)
class Outlook:
    """Reads a ledger from `since`, a midnight, until `now`, in Unix seconds."""

    ledger: Reader
    since: float
    now: float
    scenario: Scenario
    given_up: Callable[[], bool] = lambda: False

    def courses(self, kinds: Kinds) -> dict[Node, Course]:
        """Every node of these kinds that has spent, the dearest first."""
        factors = self._factors(kinds)
        today = int(self.now // DAY_S)
        found: dict[Node, Course] = {}
        for node, by_day in self._daily(kinds).items():
            first, amounts = series(by_day, today)
            going = fit(first, amounts) if amounts else None
            found[node] = Course(by_day, len(amounts), going, factors(node))
        return found

    def spent(self, kinds: Kinds, since: float) -> dict[Node, Money]:
        """What each node of these kinds has spent since then."""
        found: defaultdict[Node, Money] = defaultdict(Money)
        for row in self.ledger.usage(["day", *kinds], since, self.now + 1):
            found[_node(row, kinds)] += _cost(row)
        return found

    def _daily(self, kinds: Kinds) -> dict[Node, dict[int, Money]]:
        found: defaultdict[Node, dict[int, Money]] = defaultdict(dict)
        for row in self.ledger.usage(["day", *kinds], self.since, self.now + 1):
            day = date.fromisoformat(str(row["day"])).toordinal() - EPOCH
            found[_node(row, kinds)][day] = _cost(row)
        return found

    def _factors(self, kinds: Kinds) -> Callable[[Node], Fraction]:
        if not self.scenario.prices and not self.scenario.switches:  # Then no call need be looked at.
            return lambda _: 1 + self.scenario.growth
        entries = Entries(self.ledger, Period(self.since, self.now + 1), self.given_up)
        prices = latest_prices(calls(entries), self.ledger.prices())
        return factors(calls(entries, training=True), self.scenario, prices, lambda call: _named(call, kinds))


def _node(row: Mapping[str, object], kinds: Kinds) -> Node:
    return tuple(str(row[kind]) for kind in kinds)


def _cost(row: Mapping[str, object]) -> Money:
    return ZERO if row["cost_usd"] is None else Money.usd(str(row["cost_usd"]))


def _named(call: Call, kinds: Kinds) -> Node:
    own = names_of(call.caller, Place(call.provider, call.tier, call.model)).own
    return tuple(next(iter(own[kind]), "") for kind in kinds)
