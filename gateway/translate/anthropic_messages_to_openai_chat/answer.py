"""A whole chat completion as one of Anthropic's messages."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.openai_report import read_report
from gateway.translate.anthropic_messages_to_openai_chat.names import shortened
from gateway.translate.edge import Told
from gateway.translate.messages_answer import message, stop_reason

_objects = msgspec.json.Decoder(dict[str, Any])


def message_id(told: Told) -> str:
    """How the caller knows the answer."""
    return f"msg_{told.request_id}"


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`."""
    try:
        answer = _objects.decode(body)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    first = first if isinstance(first, dict) else {}
    said = first.get("message")
    said = said if isinstance(said, dict) else {}
    if not said:
        raise ValueError("the answer has no message")
    content = _content(said, told)
    usage = read_report(body, told.quirks).usage
    called = any(block["type"] == "tool_use" for block in content)
    reason = "refusal" if said.get("refusal") else reason_of(first.get("finish_reason"), called=called)
    model = answer.get("model")
    made = message(message_id(told), model if isinstance(model, str) else "", content, reason, usage)
    return msgspec.json.encode(made)


def reason_of(finish: Any, *, called: bool) -> str:
    """Why it ended. Some providers say "stop" after calls of tools."""
    reason = stop_reason(finish)
    return "tool_use" if called and reason == "end_turn" else reason


def spoken(message: dict[str, Any]) -> tuple[str, str]:
    """Thoughts and text of a message, or of a part of one: some providers name the first otherwise, and Mistral has
    both as parts of the content."""
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        thoughts = thoughts or "".join(_text(part.get("thinking")) for part in parts)
        content = "".join(_text(part.get("text")) for part in parts)
    return _text(thoughts), _text(content)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def _content(said: dict[str, Any], told: Told) -> list[dict[str, Any]]:
    thoughts, text = spoken(said)
    content: list[dict[str, Any]] = []
    if thoughts:
        content.append({"type": "thinking", "thinking": thoughts, "signature": ""})
    if text:
        content.append({"type": "text", "text": text})
    if refused := _text(said.get("refusal")):
        content.append({"type": "text", "text": refused})
    calls = said.get("tool_calls")
    names = shortened(told.asked) if calls else {}
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            name = _text(function.get("name"))
            content.append(
                {
                    "type": "tool_use",
                    "id": _text(call.get("id")) or call_id(told, index),
                    "name": names.get(name, name),
                    "input": _input(function.get("arguments")),
                }
            )
    return content


def call_id(told: Told, index: int) -> str:
    """An id for a call that the provider gave none."""
    return f"toolu_{told.request_id}_{index}"


def _input(arguments: Any) -> dict[str, Any]:
    """The arguments as an object. What is none is kept in one, for the caller's tool to refuse."""
    if isinstance(arguments, dict):
        return arguments
    text = _text(arguments)
    try:
        read = msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, RecursionError):
        read = None
    return read if isinstance(read, dict) else {"arguments": text}
