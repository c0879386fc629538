"""Anthropic's `usage` block as disjoint counters, wherever it appears: Messages, batches, Bedrock's InvokeModel.

Sources: the usage types of anthropic-sdk-python 2.11 and its pricing, data-residency and fast-mode pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from msgspec.structs import replace

from gateway.core.price import PLACE, conditions
from gateway.core.usage import Extras, Turn, Usage
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX

Block = Mapping[str, Any]

NOWHERE_SPECIAL = frozenset({"global", "not_available"})
"""Values of `inference_geo` at which every token costs what it costs anywhere."""

NONSENSE = -1
"""Stands for a counter that cannot be one."""

_COUNTERS = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "output_reasoning")


class Read(NamedTuple):
    """What a block says. `clamped`: its counters contradicted each other, or were none."""

    usage: Usage | None
    turns: tuple[Turn, ...] = ()
    clamped: bool = False


def read_usage(block: Block) -> Read:
    """The counters of a call; of its sampling turns as well, where they are listed, because then the cost is their sum.

    The totals leave out what compaction and advisors used, and add up turns that may have run on different models.
    """
    whole, clamped = _counters(block)
    if whole is None:
        return Read(None, clamped=True)
    extras, miscounted = _extras(block)
    turns, mended = _turns(block, whole.output_reasoning)
    if not turns:
        return Read(replace(whole, extras=extras), (), clamped or miscounted or mended)
    *before, last = turns
    turns = (*before, replace(last, usage=replace(last.usage, requests=1, extras=extras)))
    summed = {name: sum(getattr(turn.usage, name) for turn in turns) for name in _COUNTERS}
    return Read(Usage(**summed, extras=extras), turns, miscounted or mended)


def read_conditions(block: Block) -> str | None:
    """What the price depends on beside the model, as `Report.service_tier` says it; None for the plain list price.

    A credit for an earlier refusal moves tokens to a cheaper class, and does not say which: no price has that name.
    """
    tier, place, speed = block.get("service_tier"), block.get("inference_geo"), block.get("speed")
    named = [tier] if isinstance(tier, str) else []
    if isinstance(place, str) and place and place not in NOWHERE_SPECIAL:
        named.append(PLACE + place)
    if isinstance(speed, str) and speed != "standard":
        named.append(f"speed:{speed}")
    if _part(_part(block.get("fallback_credit"), "status"), "type") == "redeemed":
        named.append("fallback_credit")
    return conditions(*named) or None


def _counters(block: Block) -> tuple[Usage | None, bool]:
    """One set of counters. Input stands beside what was cached, thinking inside the output.

    What was written to the cache and is not split by lifetime was written for five minutes.
    """
    given, made = block.get("input_tokens"), block.get("output_tokens")
    if not (_counts(given) and _counts(made)):
        return None, True  # Nothing to charge by. Missing is not zero.
    lifetimes, details = block.get("cache_creation"), block.get("output_tokens_details")
    written = block.get("cache_creation_input_tokens")
    parts = (
        block.get("cache_read_input_tokens"),
        written,
        _part(lifetimes, "ephemeral_5m_input_tokens"),
        _part(lifetimes, "ephemeral_1h_input_tokens"),
        _part(details, "thinking_tokens"),
    )
    counts = [0 if value is None else value if _counts(value) else NONSENSE for value in parts]
    read, total, minutes, hour, thought = [max(0, count) for count in counts]
    if written is None:
        total = minutes + hour
    clamped = NONSENSE in counts or minutes + hour > total or thought > made
    hour, thought = min(hour, total), min(thought, made)
    usage = Usage(
        input=given,
        cache_read=read,
        cache_write=total - hour,
        cache_write_1h=hour,
        output=made - thought,
        output_reasoning=thought,
    )
    return usage, clamped


def _extras(block: Block) -> tuple[Extras | None, bool]:
    """Searches are charged each; what else the server's tools do is free. And whether their number is nonsense."""
    searches = _part(block.get("server_tool_use"), "web_search_requests")
    if not _counts(searches):
        return None, searches is not None
    return (Extras(web_searches=searches) if searches else None), False


def _turns(block: Block, thought: int) -> tuple[tuple[Turn, ...], bool]:
    """The sampling turns, and whether they had to be mended. If one cannot be read at all, the totals must do."""
    entries = block.get("iterations")
    if not entries:
        return (), False
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        return (), True
    served = next((_model(e) for e in entries if e.get("type") == "fallback_message"), None)
    turns, clamped = [], False
    for entry in entries:
        usage, mended = _counters(entry)
        if usage is None:
            return (), True
        if entry.get("type") != "advisor_message":  # The totals' thinking is the model's own.
            moved = min(thought, usage.output)
            thought -= moved
            usage = replace(usage, output=usage.output - moved, output_reasoning=usage.output_reasoning + moved)
        turns.append(Turn(replace(usage, requests=0), _model(entry), doubtful=_declined(entry, served)))
        clamped = clamped or mended
    return tuple(turns), clamped


def _declined(entry: Block, served: str | None) -> bool:
    """Whether a model refused to answer, so that another one had to: nobody has said that this is charged for."""
    other = served is not None and _model(entry) not in (None, served)
    return other and entry.get("type") == "message" and entry.get("output_tokens") == 0


def _model(entry: Block) -> str | None:
    model = entry.get("model")
    return model if isinstance(model, str) and model else None


def _part(block: Any, name: str) -> Any:
    return block.get(name) if isinstance(block, Mapping) else None


def _counts(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= TOKENS_CREDIBLE_MAX
