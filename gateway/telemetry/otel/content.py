"""What was said in a call, for spans: only where the configuration asks for content."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.money import ZERO
from gateway.dialects.framing import SSE, framing_of
from gateway.dialects.watch import StreamWatch
from gateway.telemetry.otel.conventions import Attributes
from gateway.telemetry.otel.tracing import CONTENT_BYTES_MAX, Heard


def attributes(heard: Heard) -> Attributes:
    """By the conventions: messages of parts, as JSON (the form that attributes have where they can hold no objects)."""
    found: Attributes = {}
    if len(heard.asked) <= CONTENT_BYTES_MAX and (messages := _messages(heard.asked)):
        found["gen_ai.input.messages"] = _json(messages)
    if len(heard.answered) <= CONTENT_BYTES_MAX and (text := _answer(heard)):
        found["gen_ai.output.messages"] = _json([_message("assistant", text)])
    return found


def _answer(heard: Heard) -> str:
    """The text of an answer, by the signs of its dialect."""
    framing = framing_of(heard.content_type, arrays=heard.dialect.signs.arrays) or SSE
    watch = StreamWatch(heard.dialect, frozenset(), wants_usage=True, price=lambda _: ZERO, framing=framing)
    watch.feed(heard.answered if heard.stream else heard.answered + b"\n\n")
    watch.finish()
    return watch.text


def _messages(asked: bytes) -> list[dict[str, Any]]:
    try:
        body = msgspec.json.decode(asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    if not isinstance(body, dict):
        return []
    system = body.get("system") or body.get("instructions")
    said = body.get("messages") or body.get("contents") or body.get("input") or body.get("prompt") or []
    said = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    before = [_message("system", system)] if system else []
    return before + [
        _message(str(one.get("role", "user")), one.get("content", one.get("parts")))
        if isinstance(one, dict)
        else _message("user", one)
        for one in said
    ]


def _message(role: str, content: Any) -> dict[str, Any]:
    parts = content if isinstance(content, list) else [content]
    return {"role": role, "parts": [_part(part) for part in parts]}


def _part(part: Any) -> Any:
    """Text as the conventions have it; all else as it came."""
    text = part.get("text") if isinstance(part, dict) else part
    return {"type": "text", "content": text} if isinstance(text, str) else part


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
