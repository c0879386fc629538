"""How many series there may be. A name that comes once all places are taken is counted as "other": for good, so that
counters never go back, and sums over all names stay exact."""

from __future__ import annotations

OTHER = "other"

MODELS_MAX = 1000
"""Models that have a price."""

UNPRICED_MODELS_MAX = 100
"""Models that have none: apart, so that names which callers invent take no place from those that cost money."""

TEAMS_MAX = 200

TALLIES_MAX = 5000
"""Sets of team, provider, model and tier. Beyond, team and model are "other": of the rest the configuration decides."""

NODES_MAX = 100
"""Budgets that are shown each for itself: those of which the largest share is used."""


class Places:
    """So many names, the first that come."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: set[str] = set()

    def of(self, name: str, other: str = OTHER) -> str:
        """The name itself where it has a place, or there is one left."""
        if name in self._taken:
            return name
        if len(self._taken) >= self._most:
            return other
        self._taken.add(name)
        return name
