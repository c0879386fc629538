"""Which time of the ledger a plan looks at, and the calls in it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from gateway.cli.books import reading
from gateway.cli.moments import moment
from gateway.cli.settings import Unusable, settings
from gateway.core.entry import Entry
from gateway.core.price import Price
from gateway.planning.forecast import DAY_S
from gateway.planning.traffic import Profile, calls, profiles


class Period(NamedTuple):
    """From `since` until before `until`, in Unix seconds."""

    since: float
    until: float


class Books(NamedTuple):
    """What the ledger has of that time."""

    entries: list[Entry]
    prices: dict[str, Price]
    days: Fraction  # From the first call on, one at least.


def add_period(parser: argparse.ArgumentParser, since: str = "30d", *, always: bool = False) -> None:
    """Declare it. `always`: the plan is of nothing else."""
    what = "this plan always reads it" if always else "take what is asked from real calls"
    parser.add_argument("--from-ledger", action="store_true", help=what)
    parser.add_argument("--since", default=since, metavar="30d|2026-11-01", help=f"how far back (default: {since})")
    parser.add_argument("--until", metavar="2026-12-01", help="up to, not including (default: now)")


def period(parsed: argparse.Namespace) -> Period:
    """Raises Unusable."""
    now = time.time()
    return Period(moment(parsed.since, now), moment(parsed.until, now) if parsed.until else now + 1)


def books(parsed: argparse.Namespace) -> Books:
    """Raises Unusable, also where there was no call."""
    asked = period(parsed)
    with reading(settings(parsed)) as ledger:
        entries, prices = list(ledger.entries(*asked)), ledger.prices()
    if not entries:
        raise Unusable("there were no calls in that time", 3)
    return Books(entries, prices, max(Fraction(1), Fraction(asked.until - entries[0].at) / DAY_S))


def routes(told: Books, model: str | None) -> Sequence[Profile]:
    """The routes of real calls, dearest first; those of one model where it is named. Raises Unusable."""
    found = profiles(calls(told.entries))
    chosen = [one for one in found if model in (None, one.model, f"{one.provider}/{one.model}")]
    if not chosen:
        raise Unusable(f"there were no calls to {model} in that time" if model else "there were no calls", 3)
    return chosen
