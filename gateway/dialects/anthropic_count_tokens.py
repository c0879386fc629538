"""Anthropic's `POST /v1/messages/count_tokens`, which is free."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.request import Asked, Facts
from gateway.core.usage import Report, Usage
from gateway.dialects.anthropic_messages import AnthropicMessages, facts_of
from gateway.dialects.anthropic_report import read_report
from gateway.dialects.base import NOTHING_YET, Quirk


class AnthropicCountTokens(AnthropicMessages):
    """The lens for counts: the body of a message without its options, answered with a number."""

    name = "anthropic-count-tokens"
    path = "/messages/count_tokens"

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        return replace(facts_of(asked), output_tokens_max=0, free=True)

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """Nothing was used, whatever was counted."""
        return Report(usage=Usage(), failed=read_report(message, quirks, before).failed)
