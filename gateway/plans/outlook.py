"""What nodes have spent, day by day, as the ledger sums it up, and how each goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TypeVar

from gateway.core.entry import Entry
from gateway.core.limit import Limit
from gateway.core.money import ZERO, Money
from gateway.core.node import Place, covers, kind_of, names_of, nodes, part_of, parts
from gateway.ledger.reader import Reader
from gateway.planning.forecast import DAY_S, Fit, fit, series
from gateway.planning.scenarios import Scenario, factors, latest_prices
from gateway.planning.traffic import Call, calls
from gateway.plans.books import Entries, Period

ALL = "all"
EPOCH = date(1970, 1, 1).toordinal()

Kinds = Sequence[str]
"""Of nodes: team, model, and so on; none for everything together."""
Key = TypeVar("Key")
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
        return {node: self._course(by_day, factors(node)) for node, by_day in self._daily(kinds).items()}

    def _course(self, by_day: Mapping[int, Money], factor: Fraction) -> Course:
        first, amounts = series(by_day, int(self.now // DAY_S))
        return Course(by_day, len(amounts), fit(first, amounts) if amounts else None, factor)

    def spent(self, kinds: Kinds, since: float) -> dict[Node, Money]:
        """What each node of these kinds has spent since then."""
        found: defaultdict[Node, Money] = defaultdict(Money)
        for row in self.ledger.usage(["day", *kinds], since, self.now + 1):
            found[_node(row, kinds)] += _cost(row)
        return found

    def on(self, limit: Limit, since: float) -> Iterator[tuple[str, Course, Money]]:
        """Every node that the limit speaks about and that has spent, how it has, and what since then."""
        if "tag:" in limit.node:
            yield from self._tagged(limit.node, since)
            return
        kinds = [] if limit.node == ALL else [kind_of(part) for part in parts(limit.node)]
        spent = self.spent(kinds, since)
        for names, course in self.courses(kinds).items():
            node = " ".join(map(part_of, kinds, names)) or ALL
            if all(names) and covers(limit.node, node):
                yield node, course, spent[names]

    def _tagged(self, pattern: str, since: float) -> Iterator[tuple[str, Course, Money]]:
        """The ledger sums nothing up by tags: so every entry is looked at."""
        by_day: defaultdict[str, defaultdict[int, Money]] = defaultdict(lambda: defaultdict(Money))
        spent: defaultdict[str, Money] = defaultdict(Money)
        for entry in self._entries(min(since, self.since)):
            for node in _nodes(pattern, entry):
                spent[node] += entry.cost.known if entry.at >= since else ZERO
                if entry.at >= self.since:
                    by_day[node][int(entry.at // DAY_S)] += entry.cost.known
        factors = self._factored(lambda call: next(iter(_nodes(pattern, call)), ""))
        for node, amounts in by_day.items():
            yield node, self._course(amounts, factors(node)), spent[node]

    def _daily(self, kinds: Kinds) -> dict[Node, dict[int, Money]]:
        found: defaultdict[Node, dict[int, Money]] = defaultdict(dict)
        for row in self.ledger.usage(["day", *kinds], self.since, self.now + 1):
            day = date.fromisoformat(str(row["day"])).toordinal() - EPOCH
            found[_node(row, kinds)][day] = _cost(row)
        return found

    def _factors(self, kinds: Kinds) -> Callable[[Node], Fraction]:
        return self._factored(lambda call: _named(call, kinds))

    def _factored(self, by: Callable[[Call], Key]) -> Callable[[Key], Fraction]:
        if not self.scenario.prices and not self.scenario.switches:  # Then no call need be looked at.
            return lambda _: 1 + self.scenario.growth
        entries = self._entries(self.since)
        prices = latest_prices(calls(entries), self.ledger.prices())
        return factors(calls(entries, training=True), self.scenario, prices, by)

    def _entries(self, since: float) -> Entries:
        return Entries(self.ledger, Period(since, self.now + 1), self.given_up)


def _nodes(pattern: str, entry: Entry) -> Sequence[str]:
    return nodes(pattern, names_of(entry.caller, Place(entry.provider, entry.tier, entry.model)))


def _node(row: Mapping[str, object], kinds: Kinds) -> Node:
    return tuple(str(row[kind]) for kind in kinds)


def _cost(row: Mapping[str, object]) -> Money:
    return ZERO if row["cost_usd"] is None else Money.usd(str(row["cost_usd"]))


def _named(call: Call, kinds: Kinds) -> Node:
    own = names_of(call.caller, Place(call.provider, call.tier, call.model)).own
    return tuple(next(iter(own[kind]), "") for kind in kinds)
