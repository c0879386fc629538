"""What Perplexity tells beside the usual counters: searches, what they gave to read, thoughts, and a rounded cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gateway.core.money import Money
from gateway.core.price import SEARCH, conditions
from gateway.core.usage import Extras, Usage
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX, dollars

DEARER = frozenset({"medium", "high"})
"""How much a search may give to read, where that costs more than "low", which is what calls get that do not ask."""

_COUNTERS = ("reasoning_tokens", "citation_tokens", "num_search_queries")


def tier_of(size: Any) -> str:
    """The condition of the price that a call with searches of this size pays; empty for the least."""
    return SEARCH + size if isinstance(size, str) and size in DEARER else ""


def asked_conditions(service_tier: str | None, options: Any) -> str | None:
    """The tier that a call asks for, and how much its searches may give to read (`web_search_options`)."""
    search = tier_of(options.get("search_context_size")) if isinstance(options, dict) else ""
    return conditions(service_tier or "", search) if search else service_tier


def researched(usage: Usage, block: Mapping[str, Any]) -> tuple[Usage, bool]:
    """The usage with what stands beside it, and whether a counter was none. Thoughts are not in the completion. What
    searches gave to read is input, and charged as such (https://docs.perplexity.ai/getting-started/pricing)."""
    given = [block.get(name) for name in _COUNTERS]
    thoughts, read, searches = (_count(value) or 0 for value in given)
    made = replace(
        usage,
        output_reasoning=usage.output_reasoning + thoughts,
        input_tool=read,
        extras=Extras(web_searches=searches) if searches else None,
    )
    return made, any(value is not None and _count(value) is None for value in given)


def rounded_cost(block: Mapping[str, Any]) -> Money | None:
    """What the provider says that all of it costs, in parts that are each rounded to five decimals."""
    cost = block.get("cost")
    return dollars(cost.get("total_cost")) if isinstance(cost, Mapping) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= TOKENS_CREDIBLE_MAX else None
