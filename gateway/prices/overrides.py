"""Prices that win over the feed: our own corrections, and those that a user configures. One shape for both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from gateway.prices.dated import Hours, Window, midnight
from gateway.prices.rates import BESIDE
from gateway.prices.spelled import MINIMUM, RATES, amount, days, seconds, spans

T = TypeVar("T")

OTHERS = frozenset({"provider", "model", "from", "until", "tier", "hours", "days", MINIMUM})

CORRECTION = "correction"
"""The source of what ships with the gateway; all else is the user's own."""

EVERY = "*"
"""In place of a model: all that have a price. Of these only fees can be set."""


class OverrideError(ValueError):
    """An override cannot be read. The message names the entry and the key."""


@dataclass(frozen=True, slots=True)
class Override:
    """Rates for one model, in pico-dollars per token, or of one of what else is charged for.

    With both input and output it is a whole price: nothing of the feed's remains, its service tiers included,
    and classes left out pay their parent's rate. With fewer it changes only what it names in the price below.
    With a tier it names what that service tier charges differently from the standard.
    """

    model: str  # Lower case: the id of an entry in the feed, or a name as it is called.
    rates: Mapping[str, int]
    provider: str | None = None  # None applies to any provider.
    since: date | None = None  # First day, UTC.
    until: date | None = None  # First day on which it no longer applies, UTC.
    tier: str | None = None
    source: str = "override"  # What price ids call it.
    hours: Hours | None = None  # When on those days; None: always.
    least_audio_ms: int | None = None  # Shorter recordings are charged as if they were that long.

    @property
    def whole(self) -> bool:
        """Whether this is a price of its own, on top of nothing."""
        return self.tier is None and "input" in self.rates and "output" in self.rates

    @property
    def lists(self) -> bool:
        """Whether its model needs no other price to have one."""
        return self.whole or (self.tier is None and self.model != EVERY and BESIDE.issuperset(self.rates))

    @property
    def stamp(self) -> str:
        """The first day, and a digest of the rates: the price ids of history must tell one edit from the next."""
        figures = f"{self.tier}{sorted(self.rates.items())}"
        figures += f"{self.hours.spans}{self.hours.days}" if self.hours is not None else ""
        figures += f"{self.least_audio_ms}" if self.least_audio_ms is not None else ""
        start = self.since.isoformat() if self.since else "start"
        return f"@{start}#{hashlib.sha256(figures.encode(errors='backslashreplace')).hexdigest()[:6]}"

    def applies(self, at: float) -> bool:
        """Whether this is in force at a unix time."""
        begun = self.since is None or at >= midnight(self.since)
        over = self.until is not None and at >= midnight(self.until)
        return begun and not over and (self.hours is None or self.hours.applies(at))

    def window(self, at: float) -> Window:
        """The time around `at` in which that does not change."""
        result = Window() if self.hours is None else self.hours.window(at)
        for day in (self.since, self.until):
            if day is not None:
                instant = midnight(day)
                result &= Window(since=instant) if instant <= at else Window(until=instant)
        return result


def concerning(overrides: Iterable[Override], provider: str, called: str, listed: str | None) -> list[Override]:
    """Those for a model, by the name it is called or is listed under; the most specific last, so that it wins."""
    mine = [
        override
        for override in overrides
        if override.provider in {None, provider} and override.model in {called, listed, EVERY}
    ]
    return sorted(mine, key=lambda o: (o.model != EVERY, o.provider is not None, o.model == called))


def read_overrides(entries: object, *, where: str, source: str = "override") -> tuple[Override, ...]:
    """Read a list of entries such as YAML gives. Raises OverrideError with the place of what is wrong."""
    if not isinstance(entries, Sequence) or isinstance(entries, str | bytes):
        raise OverrideError(f"{where} is not a list of prices")
    return tuple(read_override(entry, f"{where}[{index}]", source) for index, entry in enumerate(entries))


def read_override(entry: object, where: str, source: str) -> Override:
    """Read one entry. Raises OverrideError."""
    if not isinstance(entry, Mapping):
        raise OverrideError(f"{where} is not a mapping")
    if unknown := sorted(str(key) for key in entry if key not in RATES and key not in OTHERS):
        raise OverrideError(f"{where} has unknown keys: {', '.join(unknown)}")
    rates = {RATES[key][0]: read(amount, entry[key], key, where=f"{where}.{key}") for key in RATES if key in entry}
    least = read(seconds, entry[MINIMUM], where=f"{where}.{MINIMUM}") if MINIMUM in entry else None
    if not rates and least is None:
        raise OverrideError(f"{where} sets no rate")
    model = text(entry, "model", where)
    if model is None:
        raise OverrideError(f"{where}.model is missing")
    if model == EVERY and not BESIDE.issuperset(rates):
        raise OverrideError(f"{where}.model must be one model, except for fees: no two cost the same by the token")
    override = Override(
        model=model.lower(),
        rates=rates,
        provider=text(entry, "provider", where),
        since=day(entry, "from", where),
        until=day(entry, "until", where),
        tier=text(entry, "tier", where),
        source=source,
        hours=times(entry, where),
        least_audio_ms=least,
    )
    if override.since and override.until and override.since >= override.until:
        raise OverrideError(f"{where}.until must be after from")
    return override


def read(reader: Callable[..., T], *given: object, where: str) -> T:
    """What a reader makes of it. Raises OverrideError where it cannot."""
    try:
        return reader(*given)
    except ValueError as error:
        raise OverrideError(f"{where} {error}") from None


def times(entry: Mapping[object, object], where: str) -> Hours | None:
    """When on which days it applies, if not always. Raises OverrideError."""
    given: dict[str, Any] = {}
    if "hours" in entry:
        given["spans"] = read(spans, entry["hours"], where=f"{where}.hours")
    if "days" in entry:
        given["days"] = read(days, entry["days"], where=f"{where}.days")
    return Hours(**given) if given else None


def text(entry: Mapping[object, object], key: str, where: str) -> str | None:
    """A text that may be absent. Raises OverrideError for anything else, an empty text included."""
    value = entry.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise OverrideError(f"{where}.{key} must be a text")
    return value


def day(entry: Mapping[object, object], key: str, where: str) -> date | None:
    """A date that may be absent: YAML's own, or '2026-01-31'. Raises OverrideError."""
    value = entry.get(key)
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise OverrideError(f"{where}.{key} must be a date such as 2026-01-31") from None
    if value is not None and type(value) is not date:  # A datetime is a date too, but has an hour that would be lost.
        raise OverrideError(f"{where}.{key} must be a date such as 2026-01-31")
    return value
