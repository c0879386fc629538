"""Prices that win over the feed: our own corrections, and those that a user configures. One shape for both."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.prices.dated import Window, midnight
from gateway.prices.feed import DEAREST
from gateway.prices.rates import PER_MILLION_TOKENS, PER_THOUSAND_REQUESTS

AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,12})?)/([MK])")
RATES: Mapping[str, str] = {
    "input": "input",
    "cache_read": "cache_read",
    "cache_write": "cache_write",
    "cache_write_1h": "cache_write_1h",
    "output": "output",
    "reasoning": "output_reasoning",
    "audio_input": "input_audio",
    "audio_output": "output_audio",
    "request": "request",
}
OTHERS = frozenset({"provider", "model", "from", "until", "tier"})


class OverrideError(ValueError):
    """An override cannot be read. The message names the entry and the key."""


@dataclass(frozen=True, slots=True)
class Override:
    """Rates for one model, in pico-dollars per token (per call for `request`).

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

    @property
    def whole(self) -> bool:
        """Whether this is a price of its own, on top of nothing."""
        return self.tier is None and "input" in self.rates and "output" in self.rates

    @property
    def stamp(self) -> str:
        """The first day, and a digest of the rates: the price ids of history must tell one edit from the next."""
        figures = f"{self.tier}{sorted(self.rates.items())}".encode()
        start = self.since.isoformat() if self.since else "start"
        return f"@{start}#{hashlib.sha256(figures).hexdigest()[:6]}"

    def applies(self, at: float) -> bool:
        """Whether this is in force at a unix time."""
        begun = self.since is None or at >= midnight(self.since)
        return begun and (self.until is None or at < midnight(self.until))

    def window(self, at: float) -> Window:
        """The time around `at` in which that does not change."""
        result = Window()
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
        if override.provider in {None, provider} and override.model in {called, listed}
    ]
    return sorted(mine, key=lambda override: (override.provider is not None, override.model == called))


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
    rates = {field: amount(entry[key], f"{where}.{key}", key) for key, field in RATES.items() if key in entry}
    if not rates:
        raise OverrideError(f"{where} sets no rate")
    model = text(entry, "model", where)
    if model is None:
        raise OverrideError(f"{where}.model is missing")
    override = Override(
        model=model.lower(),
        rates=rates,
        provider=text(entry, "provider", where),
        since=day(entry, "from", where),
        until=day(entry, "until", where),
        tier=text(entry, "tier", where),
        source=source,
    )
    if override.since and override.until and override.since >= override.until:
        raise OverrideError(f"{where}.until must be after from")
    return override


def amount(value: object, where: str, key: str) -> int:
    """Pico-dollars from '0.10/M' (USD per million tokens) or, for request, '5/K' (USD per thousand calls)."""
    unit, per, words = (
        ("K", PER_THOUSAND_REQUESTS, "'5/K'") if key == "request" else ("M", PER_MILLION_TOKENS, "'0.10/M'")
    )
    found = AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] != unit:
        raise OverrideError(f"{where} must be US dollars such as {words}, not {value!r}")
    dollars = Decimal(found[1])
    if dollars > DEAREST:
        raise OverrideError(f"{where} is more than {DEAREST} dollars: {value}")
    picos = dollars * per
    if picos != int(picos):
        raise OverrideError(f"{where} is finer than a pico-dollar: {value}")
    return int(picos)


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
