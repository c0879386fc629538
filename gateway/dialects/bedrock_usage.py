"""Amazon Bedrock's token counters as disjoint ones. Cached tokens stand beside `inputTokens`, not in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.core.price import conditions
from gateway.core.usage import Extras, Usage
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX

ONE_HOUR = "1h"
OPTIMIZED = "latency:optimized"
"""What AWS charges more for, at a rate that only its price list knows."""

_INPUT = ("inputTokens", "inputTokenCount")
_OUTPUT = ("outputTokens", "outputTokenCount")
_READ = ("cacheReadInputTokens", "cacheReadInputTokenCount")
_WRITTEN = ("cacheWriteInputTokens", "cacheWriteInputTokenCount")


def read_usage(block: Mapping[str, Any]) -> tuple[Usage | None, bool]:
    """The counters of Converse's `usage`, of Nova's own, or of the metrics at the end of InvokeModel's streams; and
    whether they had to be mended. None if a main counter is nonsense or missing."""
    (given, bad), (made, worse) = _count(block, _INPUT), _count(block, _OUTPUT)
    if given is None or bad or worse:
        return None, True
    (read, bad), (written, worse) = _count(block, _READ), _count(block, _WRITTEN)
    read, written, made = read or 0, written or 0, made or 0
    hour, unclear = _hour(block.get("cacheDetails"), written)
    total, wrong = _count(block, ("totalTokens",))
    usage = Usage(
        input=given,
        cache_read=read,
        cache_write=written - hour,
        cache_write_1h=hour,
        output=made,
        extras=_extras(block.get("serverToolUsage")),
    )
    return usage, bad or worse or unclear or wrong or total not in {None, usage.tokens}


def asked_conditions(tier: Any, performance: Any) -> str | None:
    """What the price depends on besides the model, of a request or an answer: `serviceTier.type` and
    `performanceConfig.latency`. None if neither departs from the standard."""
    kind = tier.get("type") if isinstance(tier, Mapping) else None
    latency = performance.get("latency") if isinstance(performance, Mapping) else None
    optimized = OPTIMIZED if latency == "optimized" else ""
    return conditions(kind if isinstance(kind, str) else "", optimized) or None


def _count(block: Mapping[str, Any], names: tuple[str, str] | tuple[str]) -> tuple[int | None, bool]:
    """The first of these counters that is there; None and True for one that counts nothing."""
    value = next((block[name] for name in names if block.get(name) is not None), None)
    if value is None:
        return None, False
    good = type(value) is int and 0 <= value <= TOKENS_CREDIBLE_MAX
    return (value, False) if good else (None, True)


def _hour(details: Any, written: int) -> tuple[int, bool]:
    """How many of the written tokens are kept for an hour, by `cacheDetails`. The rest are kept for five minutes."""
    if not isinstance(details, Sequence) or isinstance(details, str):
        return 0, details is not None
    hour, bad = 0, False
    for detail in details:
        count, wrong = _count(detail, ("inputTokens",)) if isinstance(detail, Mapping) else (None, True)
        bad = bad or wrong
        if count and detail.get("ttl") == ONE_HOUR:
            hour += count
    return min(hour, written), bad or hour > written


def _extras(tools: Any) -> Extras | None:
    """Calls of the provider's own tools. Which there are is not documented; so far they only search the web."""
    counts = tools.values() if isinstance(tools, Mapping) else ()
    calls = sum(count for count in counts if type(count) is int and 0 < count <= TOKENS_CREDIBLE_MAX)
    return Extras(web_searches=calls) if calls else None
