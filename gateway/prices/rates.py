"""Turns published rates into whole pico-dollars per token: a Card of what is published, then core Rates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from gateway.core.money import PICOS_PER_DOLLAR
from gateway.core.price import Rates, Schedule
from gateway.prices.feed import Feed, PriceList, Rate, Stepped

PER_MILLION_TOKENS = PICOS_PER_DOLLAR // 10**6
PER_THOUSAND_REQUESTS = PICOS_PER_DOLLAR // 10**3
PER_HOUR_IN_MS = Fraction(PICOS_PER_DOLLAR, 3_600_000)

# The units of genai-prices that Usage counts in tokens or calls, under the names of core Rates. `cache_write_5m` is
# the default lifetime.
UNITS: Mapping[str, str] = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_5m_mtok": "cache_write",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "input_image_mtok": "input_image",
    "cache_image_read_mtok": "cache_read_image",
    "input_video_mtok": "input_video",
    "output_reasoning_mtok": "output_reasoning",
    "output_audio_mtok": "output_audio",
    "output_image_mtok": "output_image",
    "requests_kcount": "request",
}

# Those that it counts as Extras, and pico-dollars of one for a dollar of the unit. One that is finer than a
# pico-dollar each is rounded up.
EXTRAS: Mapping[str, tuple[str, Fraction]] = {
    "web_searches_kcount": ("web_searches", Fraction(PER_THOUSAND_REQUESTS)),
    "storage_searches_kcount": ("file_searches", Fraction(PER_THOUSAND_REQUESTS)),
    "input_document_kpages": ("pages", Fraction(PER_THOUSAND_REQUESTS)),
    "input_mchars": ("characters", Fraction(PER_MILLION_TOKENS)),
    "input_audio_hours": ("audio_ms", PER_HOUR_IN_MS),
    "audio_hours": ("audio_ms", PER_HOUR_IN_MS),
}

NO_EXTRAS: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Steps:
    """Pico-dollars by size of the prompt: `base`, and each `above[i]` = (tokens, rate when input > tokens)."""

    base: int
    above: tuple[tuple[int, int], ...] = ()

    def at(self, input_total: int) -> int:
        """The rate of a call with this many input tokens."""
        rate = self.base
        for tokens, higher in self.above:
            if input_total > tokens:
                rate = higher
        return rate


Card = Mapping[str, Steps]  # Field of Rates -> its rate; a class that is not published is not in it.


@dataclass(frozen=True, slots=True)
class Inexact:
    """A published rate that is finer than a pico-dollar per token, and what is charged instead."""

    provider: str
    model: str
    unit: str
    published: Decimal
    picos: int

    @property
    def reason(self) -> str:
        """Why this rate is an exception."""
        return f"{self.published} is finer than a pico-dollar per token; rounded up to {self.picos}"


def picos(amount: Decimal, per: int) -> int:
    """Pico-dollars per token or request, rounded up: a call must never look cheaper than it is."""
    exact = Fraction(amount) * per
    return -(-exact.numerator // exact.denominator)


def scale(unit: str) -> int:
    """Pico-dollars per token or request for one dollar of a unit's price."""
    return PER_THOUSAND_REQUESTS if unit.endswith("_kcount") else PER_MILLION_TOKENS


def amounts(rate: Rate | None) -> Iterator[Decimal]:
    """Every published figure of one rate."""
    if isinstance(rate, Stepped):
        yield rate.base
        yield from (step.price for step in rate.tiers)
    elif rate is not None:
        yield rate


def card(prices: PriceList) -> Card:
    """The token prices of a list.

    Thresholds are strict there too, `start` itself pays the base (calc_unit_price in genai_prices/types.py), and
    the whole call moves. xAI's "200,000 and more" is listed as more than 199,999 tokens.
    """
    result: dict[str, Steps] = {}
    for unit, field in UNITS.items():
        rate, per = prices.get(unit), scale(unit)
        if isinstance(rate, Stepped):
            above = tuple((step.start, picos(step.price, per)) for step in rate.tiers)
            result[field] = Steps(picos(rate.base, per), above)
        elif rate is not None:
            result[field] = Steps(picos(rate, per))
    return result


def extras(prices: PriceList) -> dict[str, int]:
    """What a list charges for each of the extras, by their names in core, in pico-dollars rounded up."""
    found: dict[str, int] = {}
    for unit, (name, per) in EXTRAS.items():
        rate = prices.get(unit)
        if rate is not None:
            exact = Fraction(rate.base if isinstance(rate, Stepped) else rate) * per
            found.setdefault(name, -(-exact.numerator // exact.denominator))
    return found


def inexact(feed: Feed) -> tuple[Inexact, ...]:
    """All rates of a feed that had to be rounded up, each figure once per model and unit."""
    found: dict[Inexact, None] = {}
    for provider in feed.providers.values():
        for model in provider.models:
            for prices in (*(c.prices for c in model.conditionals), *(v.prices for v in model.variants)):
                for unit, amount in figures(prices):
                    up = picos(amount, scale(unit))
                    if up != Fraction(amount) * scale(unit):
                        found[Inexact(provider.id, model.id, unit, amount, up)] = None
    return tuple(found)


def figures(prices: PriceList) -> Iterator[tuple[str, Decimal]]:
    """Every published figure of the units that count tokens and requests."""
    return ((unit, amount) for unit in UNITS for amount in amounts(prices.get(unit)))


def schedule(priced: Card, each: Mapping[str, int] = NO_EXTRAS) -> Schedule | None:
    """Core rates for every band of prompt sizes, and `each` of the extras; None where input has no rate, because
    unknown is not free.

    A missing output rate is none to pay: so embeddings are listed.
    """
    if "input" not in priced:
        return None
    bounds = sorted({tokens for steps in priced.values() for tokens, _ in steps.above})
    bands = tuple((tokens, rates_at(priced, tokens + 1, each)) for tokens in bounds)
    return Schedule(rates_at(priced, 0, each), bands)


def rates_at(priced: Card, input_total: int, each: Mapping[str, int] = NO_EXTRAS) -> Rates:
    """Rates at one prompt size. A class without a rate of its own pays its parent's, never less than it could."""

    def rate(*fields: str) -> int:
        return next((priced[field].at(input_total) for field in fields if field in priced), 0)

    return Rates(
        input=rate("input"),
        output=rate("output"),
        cache_read=rate("cache_read", "input"),
        cache_write=rate("cache_write", "input"),
        cache_write_1h=rate("cache_write_1h", "cache_write", "input"),
        cache_write_12h=rate("cache_write_12h", "cache_write_1h", "cache_write", "input"),
        input_audio=rate("input_audio", "input"),
        # Where audio has a price of its own but cached audio has none, nothing says that caching is a discount on it.
        cache_read_audio=rate("cache_read_audio", "input_audio", "cache_read", "input"),
        input_image=rate("input_image", "input"),
        cache_read_image=rate("cache_read_image", "cache_read", "input"),
        input_video=rate("input_video", "input"),
        output_reasoning=rate("output_reasoning", "output"),
        output_audio=rate("output_audio", "output"),
        output_image=rate("output_image", "output"),
        request=rate("request"),
        extras=each,
    )


def free(priced: Iterable[Steps]) -> bool:
    """Whether nothing at all is charged. A feed that says so is not believed; a configuration is."""
    return not any(steps.base or steps.above for steps in priced)
