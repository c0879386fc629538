"""One call at one deployment, as the bookkeeping of what is warm there hears of it: it leaves, is answered, is told
what was read from the cache."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from gateway.core.entry import Entry, Outcome
from gateway.prompt_cache.warmth import Outlook, Warmth


class Expected(Struct, frozen=True):
    """What a call may find at a deployment, and who is told what it found."""

    warmth: Warmth
    outlook: Outlook
    key_id: str
    session: str | None
    cache_tokens: int | None  # Of an engine of ours.


class Visit:
    """See the module. To make it is to leave."""

    __slots__ = ("_ahead", "_clock", "_expected", "_left", "_waits")

    def __init__(self, expected: Expected, clock: Callable[[], float]) -> None:
        self._expected = expected
        self._clock = clock
        self._left = clock()
        self._ahead = expected.warmth.leaves(expected.outlook, self._left, cache_tokens=expected.cache_tokens)
        self._waits = True

    def began(self) -> None:
        """The first piece of its stream has come: so its prompt is read."""
        self._answered(timed=True)

    def settled(self, entry: Entry) -> None:
        """It is booked."""
        expected, usage = self._expected, entry.usage
        if entry.outcome is not Outcome.OK or not usage.final:
            return
        speaks = "cache" in entry.usage_raw.lower()
        written = usage.cache_write + usage.cache_write_1h + usage.cache_write_12h
        outlook, total = expected.outlook, usage.input_total
        expected.warmth.told(outlook, total, read=usage.cache_read, written=written, speaks=speaks)
        expected.warmth.stayed(expected.key_id, expected.session, expected.outlook.deployment)

    def failed(self, *, reached: bool) -> None:
        """It was not answered. `reached`: somebody was there."""
        expected = self._expected
        expected.warmth.refused(expected.outlook)
        if not reached:
            expected.warmth.gone(expected.outlook.deployment)
        self.ended()

    def ended(self) -> None:
        """It is over, whatever came of it."""
        self._answered(timed=False)

    def _answered(self, *, timed: bool) -> None:
        if not self._waits:
            return
        self._waits, now = False, self._clock()
        seconds = now - self._left if timed else None
        self._expected.warmth.answered(self._expected.outlook, now, ahead=self._ahead, seconds=seconds)
