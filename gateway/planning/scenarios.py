"""What if: prices that change, and calls that go to another model. As the factor by which spend would differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from gateway.core.price import SEPARATOR, Price
from gateway.planning.amounts import summed, times
from gateway.planning.traffic import Call


@dataclass(frozen=True, slots=True)
class Scenario:
    """What would be different."""

    growth: Fraction = Fraction(0)  # Of all traffic; 0.2 for a fifth more.
    prices: Mapping[str, Fraction] = field(default_factory=dict)  # Of a model; -0.3 for 30 % less.
    switches: Mapping[str, str] = field(default_factory=dict)  # From one model to another.


def factor(made: Iterable[Call], scenario: Scenario, prices: Mapping[str, Price]) -> Fraction:
    """How many times what these calls cost they would have cost. `prices`: of the models that are switched to.

    A call without a price counts for neither. Raises KeyError for a switch to a model that has none in `prices`.
    """
    old, new = [], []
    for call in made:
        if call.cost.total is None:
            continue
        old.append(call.cost.total)
        cost, model = call.cost.total, call.model
        if model in scenario.switches:
            model = scenario.switches[model]
            cost = prices[model].of(call.usage).known
        new.append(times(cost, 1 + scenario.prices.get(model, Fraction(0))))
    before, after = summed(old), summed(new)
    return (Fraction(after.picos, before.picos) if before else Fraction(1)) * (1 + scenario.growth)


def latest_prices(made: Iterable[Call], prices: Mapping[str, Price]) -> dict[str, Price]:
    """The price that each model was booked at last."""
    found: dict[str, Price] = {}
    for call in sorted(made, key=lambda one: one.at):
        name = call.cost.price_id
        if name is not None and SEPARATOR not in name and name in prices:
            found[call.model] = prices[name]
    return found
