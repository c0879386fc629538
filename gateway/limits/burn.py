"""How fast a budget burns: 1.0 lasts just to its window's end, 2.0 half as long. Pure: the moment is an argument.

    burn = (spent a second, of late) ÷ (left for each second until the window ends)

"Of late" is an exponentially weighted rate that forgets over a twentieth of the window: 36 hours of a month, 72 minutes
of a day. It begins with what the window has seen so far, and as if a twentieth of a window had gone before at just the
pace that the budget lasts at: so a call that costs 1 % of the budget raises the pace by 0.2 at most, however early it
comes, and a fire late in a quiet window is seen within that twentieth.

A rolling window has no end: there, at 1.0 as much is spent in its length as it allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1
from typing import Self

MEMORY = 1 / 20
"""Of a window: over how much of it the rate forgets."""

BURN_MAX = 1_000.0
"""Said where nothing is left."""


@dataclass(slots=True)
class Spending:
    """What one budget spends a second, of late. Amounts are in its own unit, moments in seconds."""

    length: float  # Of its window.
    at: float
    ever: int  # What was spent by then, since whenever: it shrinks by corrections alone.
    rate: float

    @classmethod
    def seen(cls, spent: int, seconds: float, amount: int, length: float, *, at: float, ever: int) -> Self:
        """It is looked at for the first time: `spent` of `amount`, in so many seconds of its window."""
        rate = (spent + amount * MEMORY) / (max(0.0, seconds) + length * MEMORY)
        return cls(length, at, ever, rate)

    def look(self, ever: int, now: float) -> None:
        """So much is spent by now. A clock that was set back tells nothing."""
        passed = now - self.at
        if passed <= 0:
            return
        new = -expm1(-passed / (self.length * MEMORY))
        self.rate += new * (max(0, ever - self.ever) / passed - self.rate)
        self.at, self.ever = now, ever

    def burn(self, left: int, seconds: float) -> float:
        """The pace, where so much is left for so long."""
        return min(BURN_MAX, self.rate * max(0.0, seconds) / left) if left > 0 else BURN_MAX
