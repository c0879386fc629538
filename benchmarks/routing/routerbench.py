"""Eleven models of known cost (a part of RouterBench): how much quality does a dollar buy?

Nested cross-validation. For each part, models that have seen neither it nor one other part tell what is expected of
that other part: there the penalty and the worth of a good answer are chosen. Then a model of all other parts decides on
the part itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import combinations
from statistics import fmean

from routing.answers import FOLDER, PARTS, Row, parts, routerbench
from routing.arms import CASCADE, Forecast, Table, table
from routing.measures import Point, aiq, hull, quality_at

PROCESSES = 2
PENALTIES = (10.0, 30.0, 100.0)
WORTHS = [0.0, *[5e-4 * 1.066**step for step in range(112)], 1e6]  # Dollars for a good answer.
MARGINS = [step / 100 for step in range(101)]
AIQ_MIN = 0.855
SINGLE, WITH_CASCADE = (
    (0.95, 0.30),
    (0.97, 0.34),
)  # At least this share of the best model's quality at most that of its cost.
RESERVE = 0.01  # What is aimed at lies so much below the share of the cost that is allowed.


def figures() -> dict[str, object]:
    """AIQ, and quality at a share of the best model's cost; beside each model, their hull, chance and the oracle."""
    if not (FOLDER / "routerbench").exists():
        print(f"no answers below {FOLDER}; set FAREWAY_SHARED")
        return {}
    rows = routerbench()
    dealt = parts(len(rows), 0)
    models = list(rows[0].scores)
    singles = {m: Point(fmean([r.costs[m] for r in rows]), fmean([r.scores[m] for r in rows])) for m in models}
    best, (least, *_, most) = max(singles.values(), key=lambda p: p.quality), sorted(p.cost for p in singles.values())
    folds = [_Fold(rows, dealt, part, inner) for inner in [_inner(rows, dealt)] for part in range(PARTS)]
    ours = {}
    for name, arms, target in (("one call", models, SINGLE), ("cascade", [*models, CASCADE], WITH_CASCADE)):
        swept = [_together([fold.decided(arms, worth) for fold in folds]) for worth in WORTHS]
        fixed = _together([fold.decided(arms, fold.worth(arms, target[1] - RESERVE)) for fold in folds])
        by_margin = [_together([fold.within(arms, margin) for fold in folds]) for margin in MARGINS]
        ours[name] = _told(swept, fixed, best, least, most) | {"aiq_by_margin": round(aiq(by_margin, least, most), 4)}
    oracle = Point(*map(fmean, zip(*[_oracle(row) for row in rows], strict=True)))
    chance = Point(fmean([p.cost for p in singles.values()]), fmean([p.quality for p in singles.values()]))
    _print(singles, best, ours, chance, oracle)
    return {
        "routerbench": {
            "prompts": len(rows),
            "method": f"{PARTS} parts, nested; penalties {[fold.penalty for fold in folds]}",
            "baseline": {
                "models": {name: _shown(point, best) for name, point in singles.items()},
                "hull_of_models_aiq": round(aiq(singles.values(), least, most), 4),
                "a model by lot": _shown(chance, best),
                "true_means_of_each_data_set_aiq": round(aiq(_by_set(rows), least, most), 4),
            },
            "ours": ours,
            "oracle": _shown(oracle, best) | {"aiq": round(aiq([*singles.values(), oracle], least, most), 4)},
            "bar": {"aiq": AIQ_MIN, "one call": SINGLE, "cascade": WITH_CASCADE},
            "met": {
                "aiq": ours["one call"]["aiq"] >= AIQ_MIN,
                "aiq with a cascade": ours["cascade"]["aiq"] >= AIQ_MIN,
                "one call": _met(ours["one call"], SINGLE),
                "cascade": _met(ours["cascade"], WITH_CASCADE),
            },
        }
    }


Told = dict[tuple[int, int, float], Table]
"""By part left out, part told, and penalty: what is expected of the part told."""


def _inner(rows: list[Row], dealt: list[int]) -> Told:
    told: Told = {}
    with ProcessPoolExecutor(PROCESSES) as processes:
        for part in processes.map(partial(_of_two, rows, dealt), combinations(range(PARTS), 2)):
            told |= part
    return told


def _of_two(rows: list[Row], dealt: list[int], two: tuple[int, int]) -> Told:
    told: Told = {}
    taught = [row for row, part in zip(rows, dealt, strict=True) if part not in two]
    forecast = Forecast(taught, PENALTIES)
    for out, seen in (two, two[::-1]):
        asked = [row for row, part in zip(rows, dealt, strict=True) if part == seen]
        told |= {(out, seen, penalty): forecast.of(asked, penalty) for penalty in PENALTIES}
    return told


class _Fold:
    """One part, decided on by what the others teach."""

    def __init__(self, rows: list[Row], dealt: list[int], part: int, inner: Told) -> None:
        taught = [row for row, own in zip(rows, dealt, strict=True) if own != part]
        asked = [row for row, own in zip(rows, dealt, strict=True) if own == part]
        others = [other for other in range(PARTS) if other != part]
        known = [row for other in others for row, own in zip(rows, dealt, strict=True) if own == other]
        before = {p: _joined([inner[part, other, p] for other in others]) for p in PENALTIES}
        self.penalty = max(PENALTIES, key=lambda p: _inner_aiq(before[p], known))
        forecast = Forecast(taught, [self.penalty])
        self._expected, self._true = forecast.of(asked, self.penalty), table(asked, forecast.pair)
        self._before, self._known = before[self.penalty], table(known, forecast.pair)

    def decided(self, arms: Sequence[str], worth: float) -> list[Point]:
        """What each prompt came to, where a good answer is worth so much."""
        return _outcomes(self._true, _picks(self._expected, arms, worth))

    def within(self, arms: Sequence[str], margin: float) -> list[Point]:
        """The same for another rule: the cheapest of those within a margin of the best."""
        picks = []
        for scores, costs in zip(*self._expected, strict=True):
            best = max(scores[arm] for arm in arms)
            picks.append(min([a for a in arms if scores[a] >= best - margin], key=costs.__getitem__))
        return _outcomes(self._true, picks)

    def worth(self, arms: Sequence[str], share: float) -> float:
        """The highest worth of a good answer that costs no more than this share of the best model, on the other
        parts."""
        scores, costs = self._known
        means = {arm: fmean([s[arm] for s in scores]) for arm in arms}
        best = max((arm for arm in arms if arm != CASCADE), key=means.__getitem__)
        allowed = share * fmean([c[best] for c in costs])
        tried = [(w, _together([_outcomes(self._known, _picks(self._before, arms, w))])) for w in WORTHS]
        return max([worth for worth, point in tried if point.cost <= allowed], default=0.0)


def _picks(expected: Table, arms: Sequence[str], worth: float) -> list[str]:
    """As policies.difficulty decides."""
    pairs = zip(*expected, strict=True)
    return [min(arms, key=lambda arm: (costs[arm] - worth * scores[arm], arm)) for scores, costs in pairs]


def _outcomes(true: Table, picks: Sequence[str]) -> list[Point]:
    return [Point(costs[arm], scores[arm]) for arm, scores, costs in zip(picks, *true, strict=True)]


def _together(outcomes: Sequence[Sequence[Point]]) -> Point:
    every = [point for part in outcomes for point in part]
    return Point(fmean([point.cost for point in every]), fmean([point.quality for point in every]))


def _joined(tables: Sequence[Table]) -> Table:
    return Table([s for t in tables for s in t.scores], [c for t in tables for c in t.costs])


def _inner_aiq(expected: Table, rows: Sequence[Row]) -> float:
    """What the penalty is chosen for: decisions, not scores."""
    arms, true = list(rows[0].scores), Table([row.scores for row in rows], [row.costs for row in rows])
    swept = [_together([_outcomes(true, _picks(expected, arms, worth))]) for worth in WORTHS[::4]]
    means = [fmean([row.costs[arm] for row in rows]) for arm in arms]
    return aiq(swept, min(means), max(means))


def _oracle(row: Row) -> Point:
    """The cheapest of the best."""
    best = max(row.scores.values())
    return Point(min(cost for model, cost in row.costs.items() if row.scores[model] == best), best)


def _by_set(rows: list[Row]) -> list[Point]:
    """What knowing the name of the data set would get, and every model's true mean in it: no more can be learned of
    prompts unless something tells those of one set apart."""
    sets: dict[str, list[Row]] = {}
    for row in rows:
        sets.setdefault("code" if "function" in row.prompt[:200] else row.prompt[:60], []).append(row)
    points = []
    for worth in WORTHS:
        outcomes = []
        for own in sets.values():
            points_of = {
                m: Point(fmean([r.costs[m] for r in own]), fmean([r.scores[m] for r in own])) for m in own[0].scores
            }
            outcomes.append([min(points_of.values(), key=lambda p: p.cost - worth * p.quality)] * len(own))
        points.append(_together(outcomes))
    return points


def _told(swept: list[Point], fixed: Point, best: Point, least: float, most: float) -> dict[str, object]:
    upper = hull(swept)
    return {
        "aiq": round(aiq(swept, least, most), 4),
        "fixed": _shown(fixed, best),
        "hull_at_30_percent_of_cost": round(quality_at(upper, 0.30 * best.cost) / best.quality, 4),
        "hull_at_34_percent_of_cost": round(quality_at(upper, 0.34 * best.cost) / best.quality, 4),
    }


def _shown(point: Point, best: Point) -> dict[str, float]:
    return {
        "quality": round(point.quality, 4),
        "usd_per_1000": round(1000 * point.cost, 4),
        "quality_of_best": round(point.quality / best.quality, 4),
        "cost_of_best": round(point.cost / best.cost, 4),
    }


def _met(ours: dict[str, object], bar: tuple[float, float]) -> bool:
    fixed = ours["fixed"]
    return fixed["quality_of_best"] >= bar[0] and fixed["cost_of_best"] <= bar[1]


def _print(singles, best, ours, chance, oracle) -> None:
    print(f"\nRouterBench{'':<29}{'quality':>9}{'of best':>9}{'$/1000':>9}{'of best':>9}")
    lines = {**singles, "a model by lot": chance, "oracle": oracle}
    for name, point in sorted(lines.items(), key=lambda item: item[1].cost):
        share = 100 * point.quality / best.quality, 100 * point.cost / best.cost
        print(f"{name:<40}{point.quality:>9.4f}{share[0]:>8.1f}%{1000 * point.cost:>9.3f}{share[1]:>8.1f}%")
    for name, found in ours.items():
        print(f"{name}: {found}")
