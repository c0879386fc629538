"""The answer: Anthropic's own, without what Bedrock adds to it."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects import splice
from gateway.translate.edge import Told

METRICS = "amazon-bedrock-invocationMetrics"


class _Answer(msgspec.Struct):
    type: Any = None


_answers = msgspec.json.Decoder(_Answer)


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`. Byte for byte, where Bedrock has added nothing."""
    del told
    if _answers.decode(body).type != "message":
        raise ValueError("The provider's answer is no message of Anthropic's.")
    return without_metrics(body)


def without_metrics(data: bytes) -> bytes:
    """The object without Bedrock's metrics; every other byte stays."""
    name = b'"%b"' % METRICS.encode()
    span = splice.find_any(data, METRICS) if name in data else None
    if span is None:
        return data
    before, after = data[: data.rindex(name, 0, span[0])].rstrip(), data[span[1] :].lstrip()
    return before[:-1] + after if before.endswith(b",") else before + after.removeprefix(b",")
