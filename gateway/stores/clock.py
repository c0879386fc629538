"""One time for all gateways that share a store: the store's. Windows, entries and prices go by it."""

from __future__ import annotations

import logging
from collections.abc import Callable

TOLD_FROM_S = 1.0
"""A machine whose clock is further off than this should be looked at."""

log = logging.getLogger("fareway")


class StoreClock:
    """Our own clock, set right by what the store says. In Unix seconds.

    Somewhere between asking and hearing, the store looked at its clock: so the difference is known within the
    time that took. It is moved into these bounds by as little as need be, so that time does not jump to and fro.
    """

    def __init__(self, own: Callable[[], float]) -> None:
        self.own = own
        self.offset_s = 0.0  # How far the store's clock is ahead.
        self._known = False
        self._told = False

    def __call__(self) -> float:
        """The store's time."""
        return self.own() + self.offset_s

    def learn(self, asked: float, store: float, heard: float) -> None:
        """Between two looks at our own clock the store looked at its."""
        if heard < asked:  # Ours was set back in between.
            return
        least, most = store - heard, store - asked
        self.offset_s = min(max(self.offset_s, least), most) if self._known else (least + most) / 2
        self._known = True
        self._tell()

    def _tell(self) -> None:
        """Once when it gets too large, and once when it is right again."""
        far = abs(self.offset_s) > TOLD_FROM_S
        if far and not self._told:
            log.warning("this machine's clock is off by %.1f s: windows go by the store's clock", -self.offset_s)
        elif self._told and not far:
            log.info("this machine's clock is right again")
        self._told = far
