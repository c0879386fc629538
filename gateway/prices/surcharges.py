"""What places and conditions add to a price: multiples of its rates of tokens. Data, in `surcharges.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import reduce

import msgspec

from gateway.core.price import PLACE, conditions
from gateway.prices.dated import Window, around, midnight
from gateway.prices.rates import Card

STANDARD = ""
"""The name of no condition at all."""

ONE = Fraction(1)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """One entry of the file, as written."""

    provider: str
    models: str
    times: str
    cached: str | None = None
    tier: str | None = None
    region: str | None = None
    since: date | None = None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Surcharge:
    """Every rate of tokens, times a factor, under a condition: a tier that answers report, or a configured region."""

    provider: str
    models: re.Pattern[str]  # Found in the name that is called or listed, in lower case.
    factor: Fraction
    cached: Fraction  # For cached input, where that is another one.
    tier: str | None  # Exactly one of the two is set.
    region: re.Pattern[str] | None
    since: date | None  # First day, UTC.
    sure: bool  # False where no source confirms it: then a cost says `uncertain`.

    def covers(self, provider: str, called: str, listed: str | None) -> bool:
        """Whether this is about a model of a provider at all."""
        return provider == self.provider and any(self.models.search(name) for name in (called, listed) if name)

    def applies(self, at: float) -> bool:
        """Whether this is in force at a unix time."""
        return self.since is None or at >= midnight(self.since)

    def window(self, at: float) -> Window:
        """The time around `at` in which that does not change."""
        return around([midnight(self.since)] if self.since is not None else [], at)

    def stamp(self, region: str) -> str:
        """What a price id says of it: two prices with one id have the same rates."""
        factors = f"{self.factor}" if self.factor == self.cached else f"{self.factor},{self.cached}"
        return f"*{self.tier or region or 'all'}={factors}{'' if self.sure else '?'}"


@dataclass(frozen=True, slots=True)
class Terms:
    """Rates, and what they are multiplied by in the end: once, so that they are rounded once."""

    card: Card
    factor: Fraction = ONE
    cached: Fraction = ONE
    sure: bool = True

    def under(self, surcharge: Surcharge) -> Terms:
        """The same under one more condition."""
        factor, cached = self.factor * surcharge.factor, self.cached * surcharge.cached
        return Terms(self.card, factor, cached, self.sure and surcharge.sure)


def surcharged(terms: Mapping[str, Terms], surcharges: Sequence[Surcharge]) -> dict[str, Terms]:
    """The standard and all tiers under the conditions that may apply, alone and together, where it runs.

    A tier that has published rates keeps them.
    """
    made = dict(terms)
    for surcharge in surcharges:
        if surcharge.tier is not None and not surcharge.tier.startswith(PLACE):
            made.setdefault(surcharge.tier, terms[STANDARD].under(surcharge))
    for surcharge in surcharges:
        if surcharge.tier is not None and surcharge.tier.startswith(PLACE):
            for name, plain in list(made.items()):
                made.setdefault(conditions(name, surcharge.tier), plain.under(surcharge))
    return {
        name: reduce(Terms.under, [s for s in surcharges if s.region is not None], plain)
        for name, plain in made.items()
    }


def in_region(surcharges: Sequence[Surcharge], region: str) -> tuple[Surcharge, ...]:
    """Those that count in a region: all that answers report, and of those for regions the last that matches."""
    everywhere = [surcharge for surcharge in surcharges if surcharge.region is None]
    here = [
        surcharge for surcharge in surcharges if surcharge.region is not None and surcharge.region.fullmatch(region)
    ]
    return (*everywhere, *here[-1:])


def read_surcharges(entries: object) -> tuple[Surcharge, ...]:
    """Read the file's entries. Raises ValueError for what is none."""
    return tuple(_read(entry) for entry in msgspec.convert(entries, list[Entry]))


def _read(entry: Entry) -> Surcharge:
    if (entry.tier is None) == (entry.region is None):
        raise ValueError(f"{entry.provider}/{entry.models} must have a tier or a region")
    factor = Fraction(entry.times)
    return Surcharge(
        provider=entry.provider,
        models=re.compile(entry.models),
        factor=factor,
        cached=factor if entry.cached is None else Fraction(entry.cached),
        tier=entry.tier,
        region=re.compile(entry.region) if entry.region is not None else None,
        since=entry.since,
        sure=entry.sure,
    )
