"""A second opinion on the price book: litellm's table, read as a file. It never changes a price.

The table (`model_prices_and_context_window.json` of BerriAI/litellm, MIT) has US dollars per token as floats. A rate
is equal if it is less than a pico-dollar per token away: theirs is written in binary, ours may be rounded up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from gateway.core.money import PICOS_PER_DOLLAR
from gateway.core.price import Price
from gateway.prices.book import PriceBook
from gateway.prices.diff import STANDARD
from gateway.prices.feed import FeedError, sane
from gateway.prices.guard import by_name

URL = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json"
MODES = {"chat", "completion", "responses", "embedding"}

# litellm's provider names under the ids of the price book.
PROVIDERS: Mapping[str, str] = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "vertex_ai-language-models": "google",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "openrouter": "openrouter",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "perplexity": "perplexity",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "azure": "azure",
    "azure_ai": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "cerebras": "cerebras",
    "moonshot": "moonshotai",
}
PREFIXES = tuple(f"{name}/" for name in (*PROVIDERS, "vertex_ai"))
PLACES = {"azure", "aws"}  # Their names with a path, such as azure/eu/gpt-4o, price one place.

KEYS: Mapping[str, str] = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "output_cost_per_reasoning_token": "output_reasoning",
}
KEY = re.compile(rf"({'|'.join(KEYS)})(?:_above_(\d{{1,5}})k_tokens)?(?:_(flex|priority|batches))?")
TIERS: Mapping[str | None, str] = {None: STANDARD, "flex": "flex", "priority": "priority", "batches": "batch"}

_TABLE = msgspec.json.Decoder(dict[str, dict[str, Any]], float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Difference:
    """A rate on which the two do not agree: ours in pico-dollars, theirs in dollars per token."""

    provider: str
    model: str  # As litellm calls it.
    tier: str
    above_tokens: int
    rate: str
    ours: int
    theirs: Decimal


@dataclass(slots=True)
class Tally:
    """How far the two agree on one provider. A model is different if any of its rates is."""

    provider: str
    equal: int = 0
    different: int = 0
    missing: int = 0  # Models that only litellm prices.
    rates: int = 0  # That were compared.
    untold: int = 0  # Rates of models compared, in tiers that only litellm prices.
    differences: list[Difference] = field(default_factory=list)


def read_table(body: bytes) -> Mapping[str, Mapping[str, Any]]:
    """The table of litellm. Raises FeedError for anything else."""
    try:
        table = _TABLE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise FeedError(f"the table is not readable: {error}") from None
    if not any(str(entry.get("litellm_provider")) in PROVIDERS for entry in table.values()):
        raise FeedError("the table prices no provider that is known here")
    return table


def crosscheck(book: PriceBook, table: Mapping[str, Mapping[str, Any]], at: float) -> list[Tally]:
    """Compare what the table prices with the book at a unix time, by provider."""
    tallies: dict[str, Tally] = {}
    for name, entry in table.items():
        provider = PROVIDERS.get(str(entry.get("litellm_provider")))
        model = bare(name)
        if provider is None or str(entry.get("mode")) not in MODES or (provider in PLACES and "/" in model):
            continue
        rates = published(entry)
        if not any(rates.values()):  # Free or without a price: nothing to compare.
            continue
        tally = tallies.setdefault(provider, Tally(provider))
        price = book.price(provider, model, at)
        if price is None:
            tally.missing += 1
        else:
            compare(tally, name, rates, price)
    return [tallies[provider] for provider in sorted(tallies)]


def compare(tally: Tally, name: str, rates: Mapping[tuple[str, int, str], Decimal], price: Price) -> None:
    """Add what one model's rates show to the tally."""
    before = len(tally.differences)
    for (tier, above, rate), theirs in rates.items():
        schedule = price.standard if tier == STANDARD else price.tiers.get(tier)
        if schedule is None:
            tally.untold += 1
            continue
        ours = by_name(schedule.at(above + 1 if above else 0))[rate]
        tally.rates += 1
        if abs(ours - Fraction(theirs) * PICOS_PER_DOLLAR) >= 1:
            tally.differences.append(Difference(tally.provider, name, tier, above, rate, ours, theirs))
    if len(tally.differences) == before:
        tally.equal += 1
    else:
        tally.different += 1


def published(entry: Mapping[str, Any]) -> dict[tuple[str, int, str], Decimal]:
    """(tier, more input tokens than, rate) -> dollars per token, of one entry. What is no price is left out."""
    found: dict[tuple[str, int, str], Decimal] = {}
    for key, value in entry.items():
        known = KEY.fullmatch(key)
        if known is not None and type(value) in {int, Decimal} and sane(amount := Decimal(value)):
            kind, thousands, tier = known.groups()
            found[TIERS[tier], int(thousands or 0) * 1000, KEYS[kind]] = amount
    return found


def bare(name: str) -> str:
    """A litellm key without its provider prefix."""
    return next((name[len(prefix) :] for prefix in PREFIXES if name.startswith(prefix)), name)
