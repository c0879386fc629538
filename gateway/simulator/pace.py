"""When each token comes: by absolute deadlines, so that a long answer does not drift."""

from __future__ import annotations

import asyncio
import random
import time

_BREATH_EVERY = 32  # Tokens between two chances for other streams, where there is no pace.


class Pace:
    """Token k of an answer is due at `first_s + k × interval_s` after the start, late by up to `jitter` intervals."""

    def __init__(self, first_s: float, interval_s: float, jitter: float, chance: random.Random) -> None:
        self._start = time.monotonic() + first_s * (1 + jitter * chance.random())
        self._interval = interval_s
        self._jitter = jitter
        self._chance = chance

    async def until(self, token: int) -> None:
        """Wait until token number `token` (from 0) is there."""
        late = self._jitter * self._chance.random() if token else 0.0
        delay = self._start + (token + late) * self._interval - time.monotonic()
        if delay > 0:
            await asyncio.sleep(delay)
        elif self._interval or token % _BREATH_EVERY == 0:  # Behind, it must still notice that its caller has left.
            await asyncio.sleep(0)

    def reached(self, most: int) -> int:
        """How many of `most` tokens are there by now."""
        passed = time.monotonic() - self._start
        if passed < 0:
            return 0
        return most if self._interval == 0 else min(most, int(passed / self._interval) + 1)
