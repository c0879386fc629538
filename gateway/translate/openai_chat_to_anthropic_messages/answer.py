"""A whole message of Anthropic's as a chat completion."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.json import format as format_json

from gateway.dialects.anthropic_report import read_report
from gateway.dialects.openai_usage import NO_QUIRKS
from gateway.translate.chat_answer import choice, completion, finish_reason
from gateway.translate.edge import Told
from gateway.translate.openai_chat_to_anthropic_messages.thoughts import FORMAT

_TIERS = {"standard": "default", "priority": "priority"}


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str | None = None
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Usage(msgspec.Struct):
    service_tier: str | None = None


class _Details(msgspec.Struct):
    explanation: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block]
    model: str = ""
    stop_reason: str | None = None
    stop_details: _Details | None = None
    usage: _Usage | None = None


_messages = msgspec.json.Decoder(_Message)


def call_id(told: Told) -> str:
    """How the caller knows the answer."""
    return f"chatcmpl-{told.request_id}"


def detail(block_type: str, index: int, *, data: str = "") -> dict[str, Any]:
    """What a `reasoning_details` entry of this kind of block has once, beside its text and signature."""
    if block_type == "thinking":
        return {"type": "reasoning.text", "index": index, "format": FORMAT}
    return {"type": "reasoning.encrypted", "index": index, "format": FORMAT, "data": data}


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`."""
    message = _messages.decode(body)
    said = _said(message)
    if message.stop_details is not None and message.stop_details.explanation:
        said["refusal"] = message.stop_details.explanation
    tier = _TIERS.get(message.usage.service_tier or "") if message.usage is not None else None
    usage = read_report(body, NO_QUIRKS).usage
    choices = [choice(said, finish_reason(message.stop_reason))]
    return msgspec.json.encode(completion(call_id(told), told.created, message.model, choices, usage, tier=tier))


def _said(message: _Message) -> dict[str, Any]:
    """The message of the only choice."""
    texts, thoughts = [], []
    details: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for block in message.content:
        if block.type == "text":
            texts.append(block.text)
        elif block.type == "thinking":
            thoughts.append(block.thinking)
            shown = {"text": block.thinking} if block.thinking else {}
            signed = {"signature": block.signature} if block.signature else {}
            details.append(detail("thinking", len(details)) | shown | signed)
        elif block.type == "redacted_thinking":
            details.append(detail(block.type, len(details), data=block.data))
        elif block.type == "tool_use":
            function = {"name": block.name, "arguments": format_json(bytes(block.input), indent=-1).decode()}
            calls.append({"id": block.id, "type": "function", "function": function})
    said: dict[str, Any] = {"content": "".join(texts) if texts else None}
    if any(thoughts):
        said["reasoning_content"] = "".join(thoughts)
    if details:
        said["reasoning_details"] = details
    if calls:
        said["tool_calls"] = calls
    return said
