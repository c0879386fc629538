"""Reads a price feed: bytes in, a frozen Feed out.

The format is that of pydantic/genai-prices, `prices/new_data/v2/data.json`, which the bundled snapshot shares.
Numbers become Decimal straight from their digits; no float is ever made of them. Fields that a gateway does not
need (names, texts, usage extractors) are skipped; an unknown kind of condition or match clause is an error,
because a price read without its condition would be wrong.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

import msgspec

from gateway.prices.patterns import slow

DEAREST = 10**6  # USD per million tokens or thousand requests: a thousand times any published rate.
FINEST = -40  # Decimal places that a rate may have; floats printed in full have 17 significant digits.


class FeedError(ValueError):
    """A feed cannot be read. The message names the path of what is wrong."""


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Which model names an entry covers. Exactly one field is set."""

    equals: str | None = None
    starts_with: str | None = None
    ends_with: str | None = None
    contains: str | None = None
    regex: str | None = None
    any_of: tuple[Clause, ...] | None = msgspec.field(name="or", default=None)
    all_of: tuple[Clause, ...] | None = msgspec.field(name="and", default=None)


class Constraint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """When a price applies: from a date on (UTC), or daily from `start_time` until before `end_time`."""

    start_date: date | None = None
    start_time: time | None = None
    end_time: time | None = None


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The rate of a call with more than `start` input tokens."""

    start: int
    price: Decimal


class Stepped(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A rate by size of the prompt. The whole call moves to the step, and `start` itself is still below it."""

    base: Decimal
    tiers: tuple[Step, ...]


Rate = Decimal | Stepped
PriceList = dict[str, Rate | None]  # Unit such as `input_mtok` -> USD per million tokens (per thousand for _kcount).


class Conditional(msgspec.Struct, frozen=True, gc=False):
    """A price list and when it applies; without a constraint, always."""

    prices: PriceList
    constraint: Constraint | None = None


class Variant(msgspec.Struct, frozen=True, gc=False):
    """Rates that differ from the standard ones in some context, such as {'service_tier': 'flex'}."""

    when: dict[str, str]
    prices: PriceList
    constraint: Constraint | None = None


class Model(msgspec.Struct, frozen=True, gc=False):
    """One entry of a provider's price list."""

    id: str
    match: Clause
    prices: PriceList | tuple[Conditional, ...]
    context_window: int | None = None
    deprecated: bool | None = None
    price_variants: tuple[Variant, ...] | None = None

    @property
    def conditionals(self) -> tuple[Conditional, ...]:
        """The price lists as conditional ones, also where there is just one. The last that applies wins."""
        return (Conditional(self.prices),) if isinstance(self.prices, dict) else self.prices

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants, none included."""
        return self.price_variants or ()


class Provider(msgspec.Struct, frozen=True, gc=False):
    """A provider's models, in the order in which their match clauses are tried."""

    id: str
    models: tuple[Model, ...]
    fallback_model_providers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A whole price list. `id` names it in the ledger, `date` is the day it is of, `digest` the sha256 of its JSON."""

    id: str
    date: str
    digest: str
    providers: Mapping[str, Provider]

    @property
    def model_count(self) -> int:
        """How many models all providers have together."""
        return sum(len(provider.models) for provider in self.providers.values())


DECODER = msgspec.json.Decoder(tuple[Provider, ...])


def parse(body: bytes, *, name: str, day: str) -> Feed:
    """Read a feed. A '{digest}' in the name is filled in. Raises FeedError with the path of what is wrong."""
    try:
        providers = DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FeedError(f"the price feed is not readable: {error}") from None
    by_id = {provider.id: provider for provider in providers}
    if len(by_id) != len(providers):
        raise FeedError("the price feed names a provider twice")
    for provider in providers:
        for model in provider.models:
            for problem in faults(model):
                raise FeedError(f"{provider.id}/{model.id}: {problem}")
    digest = hashlib.sha256(body).hexdigest()
    return Feed(name.replace("{digest}", digest[:12]), day, digest, by_id)


def faults(model: Model) -> Iterator[str]:
    """What the types cannot say about a model, each as a sentence with its path."""
    yield from clause_faults(model.match, "match")
    conditionals = model.conditionals
    if not conditionals:
        yield "prices is an empty list"
    for index, item in enumerate(conditionals):
        yield from constraint_faults(item.constraint, f"prices[{index}].constraint")
        yield from price_faults(item.prices, f"prices[{index}]")
    for index, variant in enumerate(model.variants):
        if not variant.when:
            yield f"price_variants[{index}].when is empty"
        yield from constraint_faults(variant.constraint, f"price_variants[{index}].constraint")
        yield from price_faults(variant.prices, f"price_variants[{index}].prices")


def clause_faults(clause: Clause, path: str) -> Iterator[str]:
    """A clause with none or several kinds set, or a regex that does not compile or may take too long."""
    kinds = [kind for kind in clause.__struct_fields__ if getattr(clause, kind) is not None]
    if len(kinds) != 1:
        yield f"{path} must have exactly one kind of clause"
    if clause.regex is not None:
        try:
            re.compile(clause.regex)
        except (re.error, ArithmeticError, ValueError, RecursionError) as error:
            yield f"{path}.regex does not compile: {error}"
        else:
            if why := slow(clause.regex):
                yield f"{path}.regex may take too long to match: {why}"
    for index, inner in enumerate(clause.any_of or clause.all_of or ()):
        yield from clause_faults(inner, f"{path}[{index}]")


def constraint_faults(constraint: Constraint | None, path: str) -> Iterator[str]:
    """A constraint that is neither a start date nor a daily interval."""
    if constraint is None:
        return
    daily = constraint.start_time is not None and constraint.end_time is not None
    half = (constraint.start_time is None) != (constraint.end_time is None)
    if half or daily == (constraint.start_date is not None):
        yield f"{path} must be a start_date or a start_time with an end_time"


def price_faults(prices: PriceList, path: str) -> Iterator[str]:
    """Rates that are negative, not a number, absurd, or stepped in the wrong order."""
    for unit, rate in prices.items():
        if rate is None:
            continue
        if isinstance(rate, Stepped):
            starts = [step.start for step in rate.tiers]
            if starts != sorted(set(starts)) or (starts and starts[0] < 0):
                yield f"{path}.{unit} has tiers that do not ascend"
            amounts = [rate.base, *(step.price for step in rate.tiers)]
        else:
            amounts = [rate]
        for amount in amounts:
            if not sane(amount):
                yield f"{path}.{unit} is not a price: {amount}"


def sane(amount: Decimal) -> bool:
    """Whether this can be a rate at all. Bounds the work that an absurd exponent would cause."""
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= FINEST and 0 <= amount <= DEAREST
