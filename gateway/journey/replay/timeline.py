"""The clock of a replay: it stands still until the next entry, and then what was due before happens first."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Timeline:
    """In Unix seconds, as the entries have them."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def clock(self) -> float:
        """The moment that it is."""
        return self.now

    def at(self, moment: float, happens: Callable[[], None]) -> None:
        """Something happens then."""
        heappush(self._due, (moment, next(self._numbers), happens))

    def go_to(self, moment: float) -> None:
        """Let everything happen that is due up to then."""
        while self._due and self._due[0][0] <= moment:
            self.now, _, happens = heappop(self._due)
            happens()
        self.now = moment
