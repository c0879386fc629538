"""What a router may do with a prompt: ask one model, or two cheap ones and, where they disagree, the strongest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import NamedTuple

from routing.answers import Row

from gateway.difficulty.model import Difficulty
from gateway.difficulty.training import Example, train

CASCADE = "cascade"
CHEAP = 0.2  # Of the dearest model's mean cost: what may be asked twice.
WORTH_USD = 0.03  # Of a good answer, while the pair is chosen.


class Pair(NamedTuple):
    """A cascade: the first's answer counts where the second gives the same, else that of the strongest."""

    first: str
    second: str
    strongest: str

    def outcome(self, row: Row) -> tuple[float, float]:
        """Score and cost on one prompt."""
        agreed = row.answers[self.first]
        cost = row.costs[self.first] + row.costs[self.second]
        if agreed is not None and agreed == row.answers[self.second]:
            return row.scores[self.first], cost
        return row.scores[self.strongest], cost + row.costs[self.strongest]


def best_pair(rows: Sequence[Row]) -> Pair:
    """The pair of cheap models whose cascade is worth most on these prompts."""
    score = {model: fmean([row.scores[model] for row in rows]) for model in rows[0].scores}
    cost = {model: fmean([row.costs[model] for row in rows]) for model in rows[0].costs}
    strongest, dearest = max(score, key=score.__getitem__), max(cost.values())
    cheap = sorted([model for model in cost if cost[model] <= CHEAP * dearest], key=lambda model: -score[model])

    def worth(pair: Pair) -> float:
        outcomes = [pair.outcome(row) for row in rows]
        return fmean([WORTH_USD * quality - spent for quality, spent in outcomes])

    return max([Pair(first, second, strongest) for first, second in combinations(cheap, 2)], key=worth)


class Table(NamedTuple):
    """Score and cost of each arm on each prompt."""

    scores: list[dict[str, float]]
    costs: list[dict[str, float]]


def table(rows: Sequence[Row], pair: Pair) -> Table:
    """All models, and the cascade."""
    outcomes = [pair.outcome(row) for row in rows]
    return Table(
        [row.scores | {CASCADE: quality} for row, (quality, _) in zip(rows, outcomes, strict=True)],
        [row.costs | {CASCADE: spent} for row, (_, spent) in zip(rows, outcomes, strict=True)],
    )


class Forecast:
    """Score and cost of each arm, learned from some prompts and told for others."""

    COST_PENALTY = 10.0

    def __init__(self, rows: Sequence[Row], penalties: Sequence[float]) -> None:
        self.pair = best_pair(rows)
        known = table(rows, self.pair)
        self._most = {arm: max(costs[arm] for costs in known.costs) for arm in known.costs[0]}
        shares = [{arm: cost / self._most[arm] for arm, cost in costs.items()} for costs in known.costs]
        prompts = [row.prompt for row in rows]
        scored = list(map(Example, prompts, known.scores))
        self._scores = {penalty: Difficulty(train(scored, {}, penalty)) for penalty in penalties}
        self._costs = Difficulty(train(list(map(Example, prompts, shares)), {}, self.COST_PENALTY))

    def of(self, rows: Sequence[Row], penalty: float) -> Table:
        """What is expected of each arm on these prompts, by the scores learned with this penalty."""
        arms = list(self._most)
        shares = [self._costs.chances(row.prompt, arms) for row in rows]
        return Table(
            [dict(self._scores[penalty].chances(row.prompt, arms)) for row in rows],
            [{arm: share * self._most[arm] for arm, share in told.items()} for told in shares],
        )
