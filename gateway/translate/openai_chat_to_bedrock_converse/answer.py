"""The answer: one choice, its calls of tools, its reasoning, and what was used."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.dialects import splice
from gateway.dialects.bedrock_usage import read_usage
from gateway.translate.chat_answer import FINISH_REASONS, choice, completion
from gateway.translate.edge import Told
from gateway.translate.openai_chat_to_bedrock_converse.messages import CLAUDE_FORMAT

_NO_GOOD_ANSWER = ("guardrail_intervened", "content_filtered", "malformed_tool_use", "malformed_model_output")
_FINISH_REASONS = FINISH_REASONS | dict.fromkeys(_NO_GOOD_ANSWER, "content_filter")


class Thought(msgspec.Struct, rename="camel"):
    """Reasoning, and what proves it to be the model's own."""

    text: str = ""
    signature: str | None = None


class Thoughts(msgspec.Struct, rename="camel"):
    """Reasoning, or its ciphertext in base64."""

    reasoning_text: Thought | None = None
    redacted_content: str | None = None


class ToolUse(msgspec.Struct, rename="camel"):
    """A call of a tool."""

    tool_use_id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Text(msgspec.Struct):
    text: str | None = None


class _Cited(msgspec.Struct):
    content: list[_Text] = []


class _Block(_Text, rename="camel"):
    tool_use: ToolUse | None = None
    reasoning_content: Thoughts | None = None
    citations_content: _Cited | None = None


class _Message(msgspec.Struct):
    content: list[_Block]


class _Output(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct, rename="camel"):
    output: _Output
    stop_reason: Any = None
    usage: Any = None
    service_tier: Any = None


_answers = msgspec.json.Decoder(_Answer)


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`."""
    answer = _answers.decode(body)
    blocks = answer.output.message.content
    tier = answer.service_tier.get("type") if isinstance(answer.service_tier, dict) else None
    said = choice(_message(blocks), finish_reason(answer.stop_reason))
    return msgspec.json.encode(
        completion(completion_id(told), told.created, asked_model(told), [said], used(answer.usage), tier=tier)
    )


def completion_id(told: Told) -> str:
    """As OpenAI's begin."""
    return f"chatcmpl-{told.request_id}"


def asked_model(told: Told) -> str:
    """What the caller called the model: Converse does not say which one answered."""
    body = told.asked.body
    return msgspec.json.decode(body[slice(*splice.find_string(body, "model"))], type=str)


def finish_reason(stop_reason: Any) -> str:
    """Why it ended, in the words of chat completions."""
    return _FINISH_REASONS.get(stop_reason, "stop") if isinstance(stop_reason, str) else "stop"


def used(block: Any) -> Usage | None:
    """What was used, if it is known."""
    return read_usage(block)[0] if isinstance(block, dict) else None


def _message(blocks: list[_Block]) -> dict[str, Any]:
    texts = [text for block in blocks for text in _texts(block)]
    calls = [block.tool_use for block in blocks if block.tool_use is not None]
    thoughts = [block.reasoning_content for block in blocks if block.reasoning_content is not None]
    message: dict[str, Any] = {"content": "".join(texts) if texts or not calls else None}
    if thoughts:
        shown = "".join(thought.reasoning_text.text for thought in thoughts if thought.reasoning_text is not None)
        if shown:
            message["reasoning_content"] = shown
        message["reasoning_details"] = [_detail(index, thought) for index, thought in enumerate(thoughts)]
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    return message


def _texts(block: _Block) -> list[str]:
    """What the block says. Words with citations are words."""
    cited = block.citations_content.content if block.citations_content is not None else ()
    return [text for text in (block.text, *[part.text for part in cited]) if text]


def _call(call: ToolUse) -> dict[str, Any]:
    function = {"name": call.name, "arguments": bytes(call.input).decode()}
    return {"id": call.tool_use_id, "type": "function", "function": function}


def _detail(index: int, thought: Thoughts) -> dict[str, Any]:
    if thought.reasoning_text is None:
        return hidden(index, thought.redacted_content or "")
    detail: dict[str, Any] = {"type": "reasoning.text", "index": index, "text": thought.reasoning_text.text}
    if thought.reasoning_text.signature:
        detail |= {"signature": thought.reasoning_text.signature, "format": CLAUDE_FORMAT}
    return detail


def hidden(index: int, data: str) -> dict[str, Any]:
    """Reasoning that only the provider can read."""
    return {"type": "reasoning.encrypted", "index": index, "data": data, "format": CLAUDE_FORMAT}
