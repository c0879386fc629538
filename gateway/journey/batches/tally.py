"""What the results of a batch come to: each is read and priced by itself, as an ordinary answer is."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.catalog.providers import Provider
from gateway.core.costing import settled
from gateway.core.entry import Entry
from gateway.core.money import ZERO
from gateway.core.price import Cost, CostStatus, Price, total
from gateway.core.usage import Usage, summed
from gateway.dialects.base import Dialect
from gateway.dialects.batches import read_results
from gateway.prices.book import PriceBook


class Unclear(Exception):
    """A call of the batch was answered, and nobody says what it used or costs. What is charged stays charged."""


class Tally:
    """Adds up. `entry` charged the batch's bound: the prices of its moment count."""

    def __init__(self, entry: Entry, dialect: Dialect, provider: Provider, book: PriceBook) -> None:
        self._entry = entry
        self._dialect = dialect
        self._provider = provider
        self._book = book
        self._answered: set[str] = set()  # By the caller's names for its calls.
        self.usage = Usage(requests=0)
        self.cost = Cost(ZERO, CostStatus.EXACT)
        self.prices: dict[str, Price] = {}  # That the cost is made of.

    def add(self, lines: Iterable[bytes]) -> None:
        """Some results more. What was told before counts once. Raises Unclear."""
        usages, costs = [self.usage], [self.cost] if self.usage.requests else []
        for result in read_results(lines, self._dialect, self._provider.quirks):
            report = result.report
            if result.custom_id in self._answered:
                continue
            if result.answer or report.used is not None:
                self._answered.add(result.custom_id)
            if report.used is not None:
                usages.append(report.used)
                model = self._entry.model
                costs.append(settled(report.used, report, model, self._price_of(model), self._price_of)[0])
            elif not report.failed:
                raise Unclear("a result tells no usage")
        if costs:
            self.usage, self.cost = summed(usages), total(costs)

    def close(self, done: int) -> None:
        """All results were read; so many calls were answered. Raises Unclear where that cannot be all."""
        if len(self._answered) < done:
            raise Unclear(f"{done} calls were answered, and only {len(self._answered)} results found")
        if self.cost.total is None and self._entry.cost.total is not None:
            raise Unclear("not all of it has a price")

    def _price_of(self, model: str) -> Price | None:
        price = self._book.price(self._provider.priced_as, model, self._entry.at, self._provider.region)
        if price is not None:
            self.prices[price.id] = price
        return price
