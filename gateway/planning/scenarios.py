"""What if: prices that change, and calls that go to another model. As the factor by which spend would differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

from gateway.core.entry import Outcome
from gateway.core.price import SEPARATOR, Price
from gateway.planning.amounts import times
from gateway.planning.traffic import Call


@dataclass(frozen=True, slots=True)
class Scenario:
    """What would be different."""

    growth: Fraction = Fraction(0)  # Of all traffic; 0.2 for a fifth more.
    prices: Mapping[str, Fraction] = field(default_factory=dict)  # Of a model; -0.3 for 30 % less.
    switches: Mapping[str, str] = field(default_factory=dict)  # From one model to another.


Key = TypeVar("Key")


def factors(
    made: Iterable[Call], scenario: Scenario, prices: Mapping[str, Price], by: Callable[[Call], Key]
) -> Callable[[Key], Fraction]:
    """How many times what these calls cost they would have cost, by what they have in common. `prices`: of the models
    that are switched to.

    A call without a price counts for neither. Raises KeyError for a switch to a model that has none in `prices`.
    """
    before: defaultdict[Key, int] = defaultdict(int)
    after: defaultdict[Key, int] = defaultdict(int)
    for call in made:
        if call.cost.total is None:
            continue
        key = by(call)
        before[key] += call.cost.total.picos
        cost, model = call.cost.total, call.model
        if call.outcome is Outcome.TRAINED:
            after[key] += cost.picos
            continue
        if model in scenario.switches:
            model = scenario.switches[model]
            cost = prices[model].of(call.usage).known
        after[key] += times(cost, 1 + scenario.prices.get(model, Fraction(0))).picos

    def factor(key: Key) -> Fraction:
        share = Fraction(after[key], before[key]) if before.get(key) else Fraction(1)
        return share * (1 + scenario.growth)

    return factor


def latest_prices(made: Iterable[Call], prices: Mapping[str, Price]) -> dict[str, Price]:
    """The price that each model was booked at last, of calls that come oldest first."""
    found: dict[str, Price] = {}
    for call in made:
        name = call.cost.price_id
        if call.outcome is not Outcome.ADJUSTED and name is not None and SEPARATOR not in name and name in prices:
            found[call.model] = prices[name]
    return found
