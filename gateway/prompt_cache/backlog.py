"""How long a call waits at an engine before it is read: what was given to it and not yet read, at the pace of late."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

RATE_GUESS = 10_000.0
"""Tokens a second, before any engine was seen to read. Only its relation to others matters, until it is known."""

GUESS_S = 0.5
"""The guess weighs as much as an engine that was watched for so long."""

RECENT = 0.03
"""Weight of the newest call in the rate: about the last sixty count."""

LEARN_TOKENS_MIN = 2048
"""To be read before the answer begins. Where there were fewer, the time tells of the network, and blocks are coarse."""

LATELY_S = 120.0
"""What was given to an engine counts a third after so long."""


@dataclass(slots=True)
class Backlog:
    """One engine's. What is waiting flows off at its rate, and is gone at the latest when the answers begin."""

    unanswered: int = 0  # Tokens to be read for calls whose answers have not begun.
    _level: float = 0.0  # Of these, what was left at `_at` if it reads at its rate.
    _lately: float = 0.0  # Tokens that it was given to read, fading.
    _at: float = 0.0
    _read: float = RATE_GUESS * GUESS_S  # Tokens,
    _busy_s: float = GUESS_S  # and how long they took: fading sums.

    @property
    def rate(self) -> float:
        """Tokens that it reads in a second."""
        return self._read / self._busy_s

    def ahead(self, now: float) -> float:
        """Tokens that a new call would wait for."""
        return max(0.0, self._level - self.rate * max(0.0, now - self._at))

    def lately(self, now: float) -> float:
        """Tokens that it was given to read in the last minutes."""
        return self._lately * exp(-max(0.0, now - self._at) / LATELY_S)

    def took(self, uncached: int, now: float) -> float:
        """A call leaves, of whose tokens so many are to be read. Returns what is read before its answer begins."""
        ahead = self.ahead(now) + uncached
        self._level, self._lately, self._at = ahead, self.lately(now) + uncached, max(now, self._at)
        self.unanswered += uncached
        return ahead

    def answered(self, uncached: int, now: float) -> None:
        """Its answer has begun, or never will."""
        self.unanswered -= uncached
        self._level, self._lately = min(self.ahead(now), float(self.unanswered)), self.lately(now)
        self._at = max(now, self._at)

    def learn(self, ahead: float, seconds: float) -> None:
        """An answer began so long after its call had left."""
        if ahead >= LEARN_TOKENS_MIN and seconds > 0:
            self._read += RECENT * (ahead - self._read)
            self._busy_s += RECENT * (seconds - self._busy_s)
