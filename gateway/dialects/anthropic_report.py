"""What an answer of Anthropic's Messages, or an event of its stream, says about itself.

A result of a message batch holds the same: `read_report` of its `message` is the report of that request.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.usage import Report, Usage
from gateway.dialects.anthropic_usage import Read, read_conditions, read_usage
from gateway.dialects.base import NOTHING_YET, Quirk, id_of
from gateway.dialects.openai_usage import CHARGING, read_cost


class _Message(msgspec.Struct):
    """The fields that money depends on, of a whole message or of any event."""

    type: Any = None
    id: Any = None
    model: Any = None
    usage: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()  # The beginning of a stream holds a message.
    error: Any = None


_messages = msgspec.json.Decoder(_Message)
_objects = msgspec.json.Decoder(dict[str, Any] | None)

_CALLS = re.compile(rb'"type"\s*:\s*"(?:server|mcp)_tool_use"')
_RESULTS = re.compile(rb'"type"\s*:\s*"\w+_tool_result"')
"""What the server's own tools leave in an answer. The model was asked once more after each, at most."""


def read_report(message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
    """See `Dialect.report`. Garbage says nothing.

    The events of a stream give running totals, each only some of them: field by field, the last one given counts.
    """
    try:
        said = _messages.decode(message)
        if said.type == "message_start":
            said = _messages.decode(said.message)
        if said.type == "error" or said.error:
            return replace(before, failed=True)
        usage = _objects.decode(said.usage) if said.usage else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return before
    model = said.model if isinstance(said.model, str) and said.model else before.model
    if not usage:
        return replace(before, model=model, answer_id=id_of(said.id, before))
    raw = bytes(said.usage)
    if before.raw:
        given = {name: value for name, value in usage.items() if value is not None}
        usage = (_objects.decode(before.raw) or {}) | given
        raw = msgspec.json.encode(usage)
    read = read_usage(usage)
    cost = read_cost(usage, quirks) if quirks & CHARGING else None
    return Report(
        usage=_with_prompt(read, said, before.usage) or before.usage,
        model=model,
        service_tier=read_conditions(usage),
        cost=before.cost if cost is None else cost,
        clamped=read.clamped,
        turns=read.turns,
        raw=raw,
        answer_id=id_of(said.id, before),
    )


def _with_prompt(read: Read, said: _Message, before: Usage | None) -> Usage | None:
    """The counters, with what is known of the longest prompt where they are the sum of turns that are not listed.

    It is no shorter than all are on average. The first event of a stream counts the first turn alone.
    """
    usage = read.usage
    if usage is None or read.turns:
        return usage
    if before is None:
        calls = max(len(found.findall(said.content)) for found in (_CALLS, _RESULTS))
        return replace(usage, prompt=usage.input_total // (calls + 1)) if calls else usage
    first = before.input_total if before.prompt is None else before.prompt
    return replace(usage, prompt=first) if first < usage.input_total else usage
