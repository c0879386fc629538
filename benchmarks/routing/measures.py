"""What is said of a router: areas under hulls and curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple


class Point(NamedTuple):
    """A way to answer all prompts."""

    cost: float  # Mean, dollars.
    quality: float  # Mean score.


def hull(points: Iterable[Point]) -> list[Point]:
    """The non-decreasing upper convex hull: each of its points can be had by tossing a coin between two others."""
    found: list[Point] = []
    for point in sorted(points):
        if found and point.quality <= found[-1].quality:
            continue
        while found and point.cost == found[-1].cost:
            found.pop()
        while len(found) > 1 and _below(found[-2], found[-1], point):
            found.pop()
        found.append(point)
    return found


def _below(left: Point, middle: Point, right: Point) -> bool:
    rise = (middle.quality - left.quality) * (right.cost - left.cost)
    return rise <= (right.quality - left.quality) * (middle.cost - left.cost)


def quality_at(points: Sequence[Point], cost: float) -> float:
    """What a hull gets for so much; nought for less than its cheapest point."""
    if cost < points[0].cost:
        return 0.0
    for left, right in pairwise(points):
        if left.cost <= cost <= right.cost:
            return left.quality + (right.quality - left.quality) * (cost - left.cost) / (right.cost - left.cost)
    return points[-1].quality


def aiq(points: Iterable[Point], least: float, most: float) -> float:
    """The mean quality of the hull over this range of costs (RouterBench, https://arxiv.org/abs/2403.12031)."""
    upper = hull(points)
    inside = [p.cost for p in upper if least < p.cost < most]
    steps = [least, *([upper[0].cost] if least < upper[0].cost else []), *inside, most]
    area = 0.0
    for left, right in pairwise(sorted(steps)):
        begins = quality_at(upper, left) if left >= upper[0].cost else 0.0
        ends = quality_at(upper, right) if left >= upper[0].cost else 0.0
        area += (begins + ends) / 2 * (right - left)
    return area / (most - least)


class Curve(NamedTuple):
    """Prompts sent to the strong model, those first that need it most."""

    apgr: float  # Area under the share of the gap that is closed (RouteLLM, https://arxiv.org/abs/2406.18665).
    cpt50: float  # Per cent of prompts at which half of the gap is closed.


def curve(need: Sequence[float], gains: Sequence[float]) -> Curve:
    """By the need that a router sees in each prompt, and by how much better the strong model is."""
    order = sorted(range(len(need)), key=lambda number: -need[number])
    gap, closed, area, half = sum(gains), 0.0, 0.0, None
    for asked, number in enumerate(order, 1):
        area += closed + gains[number] / 2
        closed += gains[number]
        if half is None and closed >= gap / 2:
            half = 100 * asked / len(order)
    return Curve(area / len(order) / gap, half or 100.0)
