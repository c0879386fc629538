"""One time for all gateways that share a store: the store's. Windows, entries and prices go by it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

TOLD_FROM_S = 1.0
"""A machine whose clock is further off than this should be looked at."""

log = logging.getLogger("fareway")


class StoreClock:
    """A steady clock, set right by what the store says. In Unix seconds.

    Somewhere between asking and hearing, the store looked at its clock: so the difference is known within the
    time that took. It is moved into these bounds by as little as need be, so that time does not jump to and fro.
    Whoever sets this machine's clock moves nothing here.
    """

    def __init__(self, machine: Callable[[], float], steady: Callable[[], float] = time.monotonic) -> None:
        self.steady = steady
        self._machine = machine
        self._ahead_s = machine() - steady()  # The store's clock of the steady one.
        self._known = False
        self._told = False

    def __call__(self) -> float:
        """The store's time."""
        return self.steady() + self._ahead_s

    @property
    def offset_s(self) -> float:
        """How far the store's clock is ahead of this machine's."""
        return self() - self._machine()

    def learn(self, asked: float, store: float, heard: float) -> None:
        """Between two looks at the steady clock the store looked at its own."""
        least, most = store - heard, store - asked
        self._ahead_s = min(max(self._ahead_s, least), most) if self._known else (least + most) / 2
        self._known = True
        self._tell()

    def _tell(self) -> None:
        """Once when it gets too large, and once when it is right again."""
        offset_s = self.offset_s
        far = abs(offset_s) > TOLD_FROM_S
        if far and not self._told:
            log.warning("this machine's clock is off by %.1f s: windows go by the store's clock", -offset_s)
        elif self._told and not far:
            log.info("this machine's clock is right again")
        self._told = far
