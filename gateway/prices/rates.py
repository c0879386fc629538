"""Turns published rates into whole pico-dollars per token: a Card of what is published, then core Rates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil

from gateway.core.money import PICOS_PER_DOLLAR
from gateway.core.price import Rates, Schedule
from gateway.core.usage import Extras
from gateway.prices.feed import Feed, PriceList, Rate, Stepped

PER_MILLION_TOKENS = Fraction(PICOS_PER_DOLLAR, 10**6)
PER_THOUSAND = Fraction(PICOS_PER_DOLLAR, 10**3)
PER_HOUR_IN_MS = Fraction(PICOS_PER_DOLLAR, 3_600_000)

# The units of genai-prices that are counted here, under the names that they have in core Rates or Extras, and
# pico-dollars of one for a dollar of the unit. `cache_write_5m` is the default lifetime; of two units for one name
# the earlier counts.
UNITS: Mapping[str, tuple[str, Fraction]] = {
    "input_mtok": ("input", PER_MILLION_TOKENS),
    "output_mtok": ("output", PER_MILLION_TOKENS),
    "cache_read_mtok": ("cache_read", PER_MILLION_TOKENS),
    "cache_write_5m_mtok": ("cache_write", PER_MILLION_TOKENS),
    "cache_write_mtok": ("cache_write", PER_MILLION_TOKENS),
    "cache_write_1h_mtok": ("cache_write_1h", PER_MILLION_TOKENS),
    "input_audio_mtok": ("input_audio", PER_MILLION_TOKENS),
    "cache_audio_read_mtok": ("cache_read_audio", PER_MILLION_TOKENS),
    "input_image_mtok": ("input_image", PER_MILLION_TOKENS),
    "cache_image_read_mtok": ("cache_read_image", PER_MILLION_TOKENS),
    "input_video_mtok": ("input_video", PER_MILLION_TOKENS),
    "output_reasoning_mtok": ("output_reasoning", PER_MILLION_TOKENS),
    "output_audio_mtok": ("output_audio", PER_MILLION_TOKENS),
    "output_image_mtok": ("output_image", PER_MILLION_TOKENS),
    "requests_kcount": ("request", PER_THOUSAND),
    "web_searches_kcount": ("web_searches", PER_THOUSAND),
    "storage_searches_kcount": ("file_searches", PER_THOUSAND),
    "input_document_kpages": ("pages", PER_THOUSAND),
    "input_mchars": ("characters", PER_MILLION_TOKENS),
    "input_audio_hours": ("audio_ms", PER_HOUR_IN_MS),
    "audio_hours": ("audio_ms", PER_HOUR_IN_MS),
}

# Units that are charged and that nothing here counts, and why.
UNCOUNTED: Mapping[str, str] = {
    "input_annotated_document_kpages": "which pages were annotated is not in the answer",
    "input_text_messages_kcount": "messages of voice sessions are not relayed here",
    "output_video_mtok": "no counter of video made",
    "output_citation_mtok": "no counter of citation tokens",
}

# Of these, those that a plain call does not use: it is priced exactly without them.
ON_DEMAND = frozenset({"input_annotated_document_kpages"})

NOTHING: Mapping[str, int] = {}

FEES = frozenset(Extras.__struct_fields__)
BESIDE = FEES | {"request"}
"""What is charged for other than tokens."""


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


Card = Mapping[str, Steps]  # Field of Rates or Extras -> its rate; a class that is not published is not in it.


@dataclass(frozen=True, slots=True)
class Inexact:
    """A published rate that is not charged as it stands: finer than a pico-dollar each, or of what nobody counts."""

    provider: str
    model: str
    unit: str
    published: Decimal
    picos: int | None  # What is charged instead, for one; None: nothing.

    @property
    def reason(self) -> str:
        """Why this rate is an exception."""
        if self.picos is None:
            return UNCOUNTED.get(self.unit, "not a unit that is known here")
        return f"{self.published} is finer than a pico-dollar each; rounded up to {self.picos}"


def picos(amount: Decimal | int, per: Fraction | int) -> int:
    """Pico-dollars of one, rounded up: a call must never look cheaper than it is."""
    return ceil(Fraction(amount) * per)


def scale(unit: str) -> Fraction:
    """Pico-dollars of one for one dollar of a unit's price."""
    return UNITS[unit][1]


def amounts(rate: Rate | None) -> Iterator[Decimal]:
    """Every published figure of one rate."""
    if isinstance(rate, Stepped):
        yield rate.base
        yield from (step.price for step in rate.tiers)
    elif rate is not None:
        yield rate


def card(prices: PriceList) -> Card:
    """What a list charges for, by our names.

    Thresholds are strict there too, `start` itself pays the base (calc_unit_price in genai_prices/types.py), and
    the whole call moves. xAI's "200,000 and more" is listed as more than 199,999 tokens.
    """
    result: dict[str, Steps] = {}
    for unit, (name, per) in UNITS.items():
        rate = prices.get(unit)
        if isinstance(rate, Stepped):
            above = tuple((step.start, picos(step.price, per)) for step in rate.tiers)
            result.setdefault(name, Steps(picos(rate.base, per), above))
        elif rate is not None:
            result.setdefault(name, Steps(picos(rate, per)))
    return result


def times(priced: Card, factor: Fraction, cached: Fraction) -> Card:
    """The same with every rate of tokens multiplied, those of cached ones by `cached`; rounded up once. Fees stay."""

    def multiplied(name: str, steps: Steps) -> Steps:
        by = cached if name.startswith("cache_read") else factor
        return Steps(ceil(steps.base * by), tuple((tokens, ceil(rate * by)) for tokens, rate in steps.above))

    return {name: steps if name in BESIDE else multiplied(name, steps) for name, steps in priced.items()}


def inexact(feed: Feed) -> tuple[Inexact, ...]:
    """All rates of a feed that are not charged as they stand, each figure once per model and unit."""
    found: dict[Inexact, None] = {}
    for provider in feed.providers.values():
        for model in provider.models:
            for prices in (*(c.prices for c in model.conditionals), *(v.prices for v in model.variants)):
                for unit, amount in figures(prices):
                    if unit not in UNITS:
                        found[Inexact(provider.id, model.id, unit, amount, None)] = None
                    elif (up := picos(amount, scale(unit))) != Fraction(amount) * scale(unit):
                        found[Inexact(provider.id, model.id, unit, amount, up)] = None
    return tuple(found)


def figures(prices: PriceList) -> Iterator[tuple[str, Decimal]]:
    """Every published figure with its unit."""
    return ((unit, amount) for unit, rate in prices.items() for amount in amounts(rate))


def complete(prices: PriceList) -> bool:
    """Whether everything that a plain call is charged for is counted here."""
    return all(unit in UNITS or unit in ON_DEMAND or rate is None for unit, rate in prices.items())


def sold(names: Collection[str]) -> bool:
    """Whether these rates are a price: of input, or of other things than tokens alone. Unknown is not free."""
    return "input" in names or (bool(names) and BESIDE.issuperset(names))


def schedule(priced: Card, least: Mapping[str, int] = NOTHING, *, sure: bool = True) -> Schedule | None:
    """Core rates for every band of prompt sizes; None where they are no price.

    A missing output rate is none to pay: so embeddings are listed.
    """
    if not sold(priced):
        return None
    bounds = sorted({tokens for steps in priced.values() for tokens, _ in steps.above})
    bands = tuple((tokens, rates_at(priced, tokens + 1, least, sure=sure)) for tokens in bounds)
    return Schedule(rates_at(priced, 0, least, sure=sure), bands)


def rates_at(priced: Card, input_total: int, least: Mapping[str, int] = NOTHING, *, sure: bool = True) -> Rates:
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
        extras={name: steps.at(input_total) for name, steps in priced.items() if name in FEES},
        least=least,
        by_token="input" in priced,
        sure=sure,
    )


def free(priced: Iterable[Steps]) -> bool:
    """Whether nothing at all is charged. A feed that says so is not believed; a configuration is."""
    return not any(steps.base or steps.above for steps in priced)
