"""What an answer of OpenAI's older endpoints, or a chunk of its stream, says about itself."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Report
from gateway.dialects.base import NOTHING_YET, Quirk, id_of
from gateway.dialects.openai_research import researched, rounded_cost, tier_of
from gateway.dialects.openai_usage import CHARGING, UNREADABLE, Block, disjoint, read_cost, read_usage


class _Plain(msgspec.Struct):
    """The fields that money depends on, of an answer as it should be: read in one pass."""

    id: Any = None
    model: str | None = None
    service_tier: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    choices: msgspec.Raw = msgspec.Raw()


class _Any(msgspec.Struct):
    """The same of any answer: a provider may send anything."""

    id: Any = None
    model: Any = None
    service_tier: Any = None
    usage: Any = None
    error: Any = None
    choices: Any = None


_LOOKED_AT_WHOLE = CHARGING | {Quirk.COUNTS_RESEARCH}
_plain = msgspec.json.Decoder(_Plain)
_any = msgspec.json.Decoder(_Any)
_blocks = msgspec.json.Decoder(Block | None)


def read_report(message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
    """See `Dialect.report`. Garbage says nothing."""
    if quirks & _LOOKED_AT_WHOLE:
        return _read_anything(message, quirks, before)
    try:
        answer = _plain.decode(message)
        raw = bytes(answer.usage)
        block = _blocks.decode(raw) if raw else None
        failed = _is_set(answer.error)
    except UNREADABLE:
        return _read_anything(message, quirks, before)
    usage, clamped = disjoint(block, quirks) if block is not None else (None, False)
    return Report(
        usage=usage or before.usage,
        model=answer.model or before.model,
        service_tier=answer.service_tier or before.service_tier,
        failed=failed,
        clamped=clamped or before.clamped,
        raw=raw if block is not None else before.raw,
        last=bytes(answer.choices) == b"[]",
        answer_id=id_of(answer.id, before),
    )


def _is_set(raw: msgspec.Raw) -> bool:
    """Whether a field is there and not empty."""
    return len(memoryview(raw)) > 0 and bool(msgspec.json.decode(raw))


def _read_anything(message: bytes, quirks: frozenset[Quirk], before: Report) -> Report:
    try:
        answer = _any.decode(message)
    except UNREADABLE:
        return before
    usage, cost, rounded, clamped, raw, tier = None, None, None, False, b"", ""
    told = answer.usage
    if isinstance(told, dict):
        usage, clamped = read_usage(told, quirks)
        cost = read_cost(told, quirks)
        raw = msgspec.json.encode(told)
        if Quirk.COUNTS_RESEARCH in quirks and usage is not None:
            usage, odd = researched(usage, told)
            clamped, rounded, tier = clamped or odd, rounded_cost(told), tier_of(told.get("search_context_size"))
    served = tier or answer.service_tier
    return Report(
        usage=usage or before.usage,
        model=answer.model if isinstance(answer.model, str) else before.model,
        service_tier=served if isinstance(served, str) else before.service_tier,
        cost=before.cost if cost is None else cost,
        rounded=before.rounded if rounded is None else rounded,
        failed=bool(answer.error),
        clamped=clamped or before.clamped,
        raw=raw or before.raw,
        last=answer.choices == [],
        answer_id=id_of(answer.id, before),
    )
