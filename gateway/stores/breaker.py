"""When a store that fails is left alone, so that calls do not wait for it one after another."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES_MAX = 3
"""In a row."""

REST_S = 1.0
"""How long a store that failed is not asked. Then one asks; the others go on resting until that is answered."""


class Breaker:
    """Counts failures in a row. `changed` hears whether the store counts as down, whenever that changes."""

    def __init__(
        self, changed: Callable[[bool], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._changed = changed or _ignore
        self._clock = clock
        self._failures = 0
        self._rests_until = 0.0

    @property
    def down(self) -> bool:
        """Whether it is left alone."""
        return self._failures >= FAILURES_MAX

    def admits(self) -> bool:
        """Whether to ask now. Who is told so asks."""
        if not self.down:
            return True
        now = self._clock()
        if now < self._rests_until:
            return False
        self._rests_until = now + REST_S
        return True

    def worked(self) -> None:
        """It answered."""
        was_down, self._failures = self.down, 0
        if was_down:
            self._changed(False)

    def failed(self) -> None:
        """It did not, or not in time."""
        self._failures += 1
        self._rests_until = self._clock() + REST_S
        if self._failures == FAILURES_MAX:
            self._changed(True)


def _ignore(_: bool) -> None:
    """Nobody need hear of it."""
