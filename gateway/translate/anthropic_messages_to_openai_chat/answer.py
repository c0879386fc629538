"""A whole chat completion as one of Anthropic's messages."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.openai_report import read_report
from gateway.translate import pictures
from gateway.translate.anthropic_messages_to_openai_chat.names import shortened
from gateway.translate.chat_said import input_of, spoken, text_of
from gateway.translate.edge import Told
from gateway.translate.messages_answer import message, stop_reason
from gateway.translate.sealed import UNSIGNED

_objects = msgspec.json.Decoder(dict[str, Any])


def message_id(told: Told) -> str:
    """How the caller knows the answer."""
    return f"msg_{told.request_id}"


def translated(body: bytes, told: Told) -> bytes:
    """See `Edge.answer`."""
    answer = _objects.decode(body)
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


def _content(said: dict[str, Any], told: Told) -> list[dict[str, Any]]:
    thoughts, text = spoken(said)
    content: list[dict[str, Any]] = []
    if thoughts:
        content.append({"type": "thinking", "thinking": thoughts, "signature": UNSIGNED})
    texts = (text, pictures.told(said), text_of(said.get("refusal")))
    content += [{"type": "text", "text": each} for each in texts if each]
    calls = said.get("tool_calls")
    names = shortened(told.asked) if calls else {}
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            name = text_of(function.get("name"))
            content.append(
                {
                    "type": "tool_use",
                    "id": text_of(call.get("id")) or call_id(told, index),
                    "name": names.get(name, name),
                    "input": input_of(function.get("arguments")),
                }
            )
    return content


def call_id(told: Told, index: int) -> str:
    """An id for a call that the provider gave none."""
    return f"toolu_{told.request_id}_{index}"
