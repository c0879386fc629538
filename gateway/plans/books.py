"""Which time of the ledger a plan looks at, and the calls in it."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import NamedTuple

from gateway.config import moments
from gateway.core.entry import Entry
from gateway.core.errors import BadRequest, NotFound, Unavailable
from gateway.core.limit import Limit
from gateway.core.price import Price
from gateway.ledger.reader import Reader
from gateway.planning.forecast import DAY_S
from gateway.planning.traffic import Profile, calls, profiles
from gateway.plans.parameters import Takes

GIVES_WAY_EVERY = 16
"""Entries, after which other threads have their turn: some 0.3 ms, where Python itself would take 5."""


@dataclass(frozen=True, slots=True)
class Source:
    """What plans read. `given_up`: nobody waits for the plan any more."""

    reading: Callable[[], AbstractContextManager[Reader]]
    limits: Callable[[], Sequence[Limit]]  # In force.
    now: float  # Unix seconds.
    given_up: Callable[[], bool] = lambda: False

    def moment(self, text: str, param: str) -> float:
        """See `gateway.config.moments.moment`. Raises BadRequest."""
        try:
            return moments.moment(text, self.now)
        except ValueError as error:
            raise BadRequest(str(error), param) from None


class Period(NamedTuple):
    """From `since` until before `until`, in Unix seconds."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Entries:
    """Those of a period, read anew whenever they are gone through, one after the other: oldest first."""

    ledger: Reader
    period: Period
    given_up: Callable[[], bool]

    def __iter__(self) -> Generator[Entry]:
        """Raises Unavailable, also where nobody waits any more."""
        for number, entry in enumerate(self.ledger.entries(*self.period)):
            if number % GIVES_WAY_EVERY == 0:
                if self.given_up():
                    raise Unavailable("Nobody waits for this plan any more.")
                time.sleep(0)
            yield entry


class Books(NamedTuple):
    """What the ledger has of that time."""

    entries: Entries
    prices: Mapping[str, Price]
    days: Fraction  # From the first call on, one at least.
    about: str  # The same for people.


def add_period(takes: Takes, since: str = "30d", *, always: bool = False) -> None:
    """Declare it. `always`: the plan is of nothing else."""
    what = "this plan always reads it" if always else "take what is asked from real calls"
    takes.add_argument("--from-ledger", action="store_true", help=what)
    takes.add_argument("--since", default=since, metavar="30d|2026-11-01", help=f"how far back (default: {since})")
    takes.add_argument("--until", metavar="2026-12-01", help="up to, not including (default: now)")


def period(parsed: Namespace, source: Source) -> Period:
    """Raises BadRequest."""
    until = source.moment(parsed.until, "until") if parsed.until else source.now + 1
    return Period(source.moment(parsed.since, "since"), until)


@contextmanager
def books(parsed: Namespace, source: Source) -> Iterator[Books]:
    """Raises BadRequest or Unavailable, and NotFound where there was no call."""
    asked = period(parsed, source)
    with source.reading() as ledger:
        entries = Entries(ledger, asked, source.given_up)
        with closing(iter(entries)) as read:
            first = next(read, None)
        if first is None:
            raise NotFound("there were no calls in that time")
        until = min(asked.until, source.now)
        about = f"From {_minute(asked.since)} until {_minute(until)}, UTC, as the ledger has it."
        yield Books(entries, ledger.prices(), max(Fraction(1), Fraction(until - first.at) / DAY_S), about)


def _minute(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def routes(told: Books, model: str | None) -> Sequence[Profile]:
    """The routes of real calls, dearest first; those of one model where it is named. Raises NotFound."""
    found = profiles(calls(told.entries))
    chosen = [one for one in found if model in (None, one.model, f"{one.provider}/{one.model}")]
    if not chosen:
        raise NotFound(f"there were no calls to {model} in that time" if model else "there were no calls")
    return chosen
