"""Ratings as rows: one for each request, whose last word counts. They stand beside the entries, and change none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.core.money import Money
from gateway.core.rating import Rating

RATED = ("request_id", "at", "score", "provider", "model", "cluster", "arm", "cost_picos")

RATINGS_MAX = 20_000
"""The newest that are looked at: the state of a router follows from them, and is worked out anew every minute."""

RATINGS = f"SELECT {', '.join(RATED)} FROM feedback"  # noqa: S608 - names that stand here
TOLD = f"""
INSERT INTO feedback ({", ".join(RATED)}) VALUES ({{values}}) ON CONFLICT (request_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in RATED[1:])} WHERE excluded.at >= feedback.at
"""  # noqa: S608 - the same


def rating_row(rating: Rating) -> tuple[object, ...]:
    """The values of RATED, in order."""
    cost = None if rating.cost is None else rating.cost.picos
    said = (rating.request_id, rating.at, rating.score, rating.provider, rating.model)
    return (*said, rating.cluster, rating.arm, cost)


def rating(values: Sequence[Any]) -> Rating:
    """The same again."""
    request_id, at, score, provider, model, cluster, arm, picos = values
    cost = None if picos is None else Money(picos)
    return Rating(request_id, at, score, provider, model, cluster, arm, cost)
