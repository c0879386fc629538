"""Waiting in the line of one limit of one node. Nobody polls: the first is woken when there may be room.

That is when something is settled or voided there, when the lease has grown, when the window rolls, and
when the one before has gone.
"""

from __future__ import annotations

import asyncio

from gateway.limits.queue import FairQueue

SPOTS_MAX = 1000
"""In one line. Each is a call with its body in memory."""

ROLL_S_MIN = 0.001
"""The least to wait for a window that is about to roll: clocks differ by fractions."""


class Line:
    """Those that wait for room under one limit of one node."""

    def __init__(self, spots_max: int = SPOTS_MAX) -> None:
        self._queue: FairQueue[Spot] = FairQueue(spots_max)

    def __len__(self) -> int:
        return len(self._queue)

    def may_go(self, spot: Spot | None) -> bool:
        """Whether nobody would be overtaken."""
        return not self._queue or self._queue.first is spot

    def join(self, key: str) -> Spot | None:
        """A place behind all others of this key; None where too many wait."""
        spot = Spot(self, key)
        if not self._queue.join(key, spot):
            return None
        if self._queue.first is spot:
            spot.call()  # Room may have come since it was refused.
        return spot

    def stir(self) -> None:
        """There may be room now."""
        first = self._queue.first
        if first is not None:
            first.call()

    def part(self, spot: Spot, *, served: bool) -> None:
        """This one has gone: there may be room for the next."""
        self._queue.leave(spot.key, spot, served=served)
        self.stir()


class Spot:
    """One call's place in a line. Whoever has one must `leave` it."""

    def __init__(self, line: Line, key: str) -> None:
        self.line = line
        self.key = key
        self._called = asyncio.Event()

    @property
    def is_first(self) -> bool:
        """Whether it is its turn."""
        return self.line.may_go(self)

    def call(self) -> None:
        """Try now."""
        self._called.set()

    async def turn(self, until: float, reset_in_s: float) -> None:
        """Wait to be called; the first in line wakes by itself when the window rolls. `until` is in the time of the
        event loop. Raises TimeoutError."""
        rolls = asyncio.get_running_loop().time() + max(ROLL_S_MIN, reset_in_s)
        try:
            async with asyncio.timeout_at(min(until, rolls) if self.is_first else until):
                await self._called.wait()
        except TimeoutError:
            if not self.is_first or rolls > until:
                raise
        self._called.clear()

    def leave(self, *, served: bool) -> None:
        """Give it up, to whoever is next."""
        self.line.part(self, served=served)
