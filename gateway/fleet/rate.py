"""What a machine costs by the hour, over time: dated steps, and the hours of the week in which it is paid for. Exact.

A machine is owed for in units of pico-dollar·ns/hour, of which `PER_PICO` are one pico-dollar: a whole rate times whole
nanoseconds stays whole, so that what is owed for two times that follow each other is what is owed for both.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from zoneinfo import ZoneInfo

from msgspec import Struct

SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS
PER_PICO = HOUR_NS
"""Units that are one pico-dollar."""

ALWAYS_NS = 2**63 - 1
"""The end of what has none."""

_DAY_NS = 24 * HOUR_NS
_QUARTER_NS = HOUR_NS // 4
_MINUTE_NS = 60 * SECOND_NS
_WEEK_MINUTES = 7 * 24 * 60
_SINCE_NS = attrgetter("since_ns")


class Step(Struct, frozen=True, gc=False):
    """From a moment on, in Unix nanoseconds, so many pico-dollars an hour."""

    since_ns: int
    picos: int


class Week(Struct, frozen=True):
    """When in a week a machine is paid for, by the clock on the wall of a time zone."""

    timezone: str = "UTC"
    spans: tuple[tuple[int, int], ...] = ()  # Minutes since Monday 00:00: from, until before. Ascending, apart.

    def at(self, moment_ns: int) -> tuple[bool, int]:
        """Whether it is paid for at a moment, and until when that surely stays so."""
        zone, floor_ns = _zone(self.timezone), moment_ns // _MINUTE_NS * _MINUTE_NS
        local = datetime.fromtimestamp(floor_ns // SECOND_NS, zone)
        minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
        edges = [edge for span in self.spans for edge in span]
        past = bisect_right(edges, minute)
        edge = edges[past] if past < len(edges) else _WEEK_MINUTES
        until = min(floor_ns + (edge - minute) * _MINUTE_NS, floor_ns + _DAY_NS)
        if datetime.fromtimestamp(until // SECOND_NS, zone).utcoffset() != local.utcoffset():
            until = (moment_ns // _QUARTER_NS + 1) * _QUARTER_NS  # Zones change on quarters of an hour.
            until = min(until, floor_ns + (edge - minute) * _MINUTE_NS)
        return past % 2 == 1, until


class Rate(Struct, frozen=True):
    """See the module. What is before the first step costs what the first step does."""

    steps: tuple[Step, ...]  # Ascending, one at least.
    week: Week | None = None  # Outside of it the machine costs nothing. None: it always costs.

    def at(self, moment_ns: int) -> tuple[int, int]:
        """Pico-dollars an hour at a moment, and until when that surely stays so."""
        step, until = self._step(moment_ns)
        if self.week is None:
            return step.picos, until
        paid, edge = self.week.at(moment_ns)
        return step.picos if paid else 0, min(until, edge)

    def owed(self, start_ns: int, end_ns: int) -> int:
        """What is owed from one moment to another, in units."""
        sum_, now = 0, start_ns
        while now < end_ns:
            picos, until = self.at(now)
            until = min(until, end_ns)
            sum_ += picos * (until - now)
            now = until
        return sum_

    def listed(self, moment_ns: int) -> int:
        """Pico-dollars an hour at a moment where the machine is paid for, whatever the hour."""
        return self._step(moment_ns)[0].picos

    def since(self, moment_ns: int) -> str:
        """The date of the step that is in force, in UTC: "2026-01-15"; empty where there never was another."""
        step, _ = self._step(moment_ns)
        return datetime.fromtimestamp(step.since_ns // SECOND_NS, UTC).date().isoformat() if step.since_ns else ""

    def _step(self, moment_ns: int) -> tuple[Step, int]:
        if len(self.steps) == 1:
            return self.steps[0], ALWAYS_NS
        after = max(1, bisect_right(self.steps, moment_ns, key=_SINCE_NS))
        return self.steps[after - 1], self.steps[after].since_ns if after < len(self.steps) else ALWAYS_NS


def constant(picos: int) -> Rate:
    """So many pico-dollars an hour, always."""
    return Rate((Step(0, picos),))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
