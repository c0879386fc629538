"""Writing what OpenAI's chat completions answer: the parts that a whole answer and a stream share, and the whole one.

The shapes are those of `openai.types.chat` (openai-python 3.54). Two fields are no part of them and are what most
other providers and routers write: `reasoning_content` (https://api-docs.deepseek.com/guides/thinking_mode) and
`reasoning_details`, which keeps what a provider must get back as it was
(https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core.usage import Usage

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",  # Of the provider's own tools, which no translated call has.
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""By Anthropic's stop reasons: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"""


def finish_reason(stop_reason: Any) -> str:
    """Why it ended, by why Anthropic's messages say that it did. "stop" for what nobody knows."""
    return FINISH_REASONS.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"


def usage_block(usage: Usage) -> dict[str, Any]:
    """The counters in OpenAI's convention: everything that was cached is inside the prompt, reasoning inside the
    completion. Counters that only some providers know are left out where they are 0."""
    cached = usage.cache_read + usage.cache_read_audio + usage.cache_read_image
    written = usage.cache_write + usage.cache_write_1h + usage.cache_write_12h
    given = {"cached_tokens": cached, "audio_tokens": usage.input_audio}
    if written:
        given["cache_write_tokens"] = written
    if usage.input_image:
        given["image_tokens"] = usage.input_image
    made = {"reasoning_tokens": usage.output_reasoning, "audio_tokens": usage.output_audio}
    if usage.output_image:
        made["image_tokens"] = usage.output_image
    return {
        "prompt_tokens": usage.input_total,
        "completion_tokens": usage.output_total,
        "total_tokens": usage.tokens,
        "prompt_tokens_details": given,
        "completion_tokens_details": made,
    }


def choice(message: Mapping[str, Any], reason: str, index: int = 0) -> dict[str, Any]:
    """One choice of a whole answer. The message needs neither its role nor what is null in it."""
    said = {"role": "assistant", "content": None, "refusal": None} | dict(message)
    return {"index": index, "message": said, "logprobs": None, "finish_reason": reason}


def completion(
    call_id: str,
    created: int,
    model: str,
    choices: list[dict[str, Any]],
    usage: Usage | None,
    *,
    tier: str | None = None,
) -> dict[str, Any]:
    """A whole answer. Without `usage`, if it is not known: missing is not zero."""
    body: dict[str, Any] = {
        "id": call_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": choices,
    }
    if tier is not None:
        body["service_tier"] = tier
    if usage is not None:
        body["usage"] = usage_block(usage)
    return body
