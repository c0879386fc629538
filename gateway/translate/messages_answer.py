"""Writing what Anthropic's messages answer: the parts that a whole answer and a stream share, and the whole one.

The shapes are those of `anthropic.types` (anthropic-sdk-python 2.12).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.core.usage import Usage
from gateway.translate.chat_said import BROKEN_OFF

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "model_length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
} | dict.fromkeys(BROKEN_OFF, "max_tokens")
"""By the finish reasons of OpenAI's chat: https://platform.openai.com/docs/api-reference/chat/object. One
that was broken off is cut short: good answers of this API have no word for an error."""


def stop_reason(finish_reason: Any) -> str:
    """Why it ended, by why a chat completion says that it did. "end_turn" for what nobody knows."""
    return STOP_REASONS.get(finish_reason, "end_turn") if isinstance(finish_reason, str) else "end_turn"


def usage_block(usage: Usage) -> dict[str, Any]:
    """The counters in Anthropic's convention: what was cached stands beside the input, thinking inside the output.
    What it has no name for counts as plain input or output."""
    read = usage.cache_read + usage.cache_read_audio + usage.cache_read_image
    hour = usage.cache_write_1h
    written = usage.cache_write + hour + usage.cache_write_12h
    block: dict[str, Any] = {
        "input_tokens": usage.input_total - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_total,
    }
    if hour:
        block["cache_creation"] = {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour}
    if usage.output_reasoning:
        block["output_tokens_details"] = {"thinking_tokens": usage.output_reasoning}
    return block


def usage_or_zero(usage: Usage | None) -> dict[str, Any]:
    """The same where it may not be known: clients of this API insist on numbers, also before there are any."""
    return usage_block(Usage() if usage is None else usage)


def refusal(explanation: str) -> dict[str, Any]:
    """`stop_details`: why there is no good answer, for people."""
    return {"type": "refusal", "category": None, "explanation": explanation}


def message(
    message_id: str,
    model: str,
    content: Sequence[dict[str, Any]],
    reason: str | None,
    usage: Usage | None,
    *,
    sequence: str | None = None,
) -> dict[str, Any]:
    """A whole answer, or the beginning of a stream, which has no reason to stop yet."""
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage_or_zero(usage),
    }
