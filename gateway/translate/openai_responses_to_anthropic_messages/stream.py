"""The events of Anthropic's messages as those of a response."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Report
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Told
from gateway.translate.openai_responses_to_anthropic_messages.answer import (
    INCOMPLETE,
    THOUGHTS,
    explanation,
    string,
    tier,
)
from gateway.translate.openai_responses_to_anthropic_messages.conversation import DIALECT
from gateway.translate.responses_settings import toolbox_of
from gateway.translate.responses_stream import ResponsesStream
from gateway.translate.sealed import seal

_lens = DIALECTS[DIALECT]


class Translation:
    """See `StreamTranslation`."""

    def __init__(self, told: Told) -> None:
        self._writer = ResponsesStream(told, toolbox_of(told.asked))
        self._begun = self._ended = False
        self._thoughts: dict[int, dict[str, Any]] = {}  # Blocks that are open, as they will have to come back.
        self._quirks = told.quirks
        self._report = Report()
        self._stop_reason = ""
        self._tier: str | None = None

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        try:
            event = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return b""
        if not isinstance(event, dict) or self._ended:
            return b""
        if event.get("type") == "message_stop":
            return self.finish()
        if b'"usage"' in data:
            self._report = _lens.report(data, self._quirks, self._report)
        return self._begin(event) + self._more(event)

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        if self._ended:
            return b""
        self._ended = True
        begun = self._begin({})
        return begun + self._writer.end(self._report.usage, INCOMPLETE.get(self._stop_reason), self._tier)

    def _begin(self, event: dict[str, Any]) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        message = _object(event, "message")
        self._tier = tier(message.get("usage"))
        return self._writer.begin(string(message, "model"))

    def _more(self, event: dict[str, Any]) -> bytes:
        index = event.get("index")
        key = index if type(index) is int else 0
        match event.get("type"):
            case "content_block_start":
                return self._start(key, _object(event, "content_block"))
            case "content_block_delta":
                return self._delta(key, _object(event, "delta"))
            case "content_block_stop":
                return self._stop(key)
            case "message_delta":
                ended = _object(event, "delta")
                self._stop_reason = string(ended, "stop_reason") or self._stop_reason
                explained = explanation(ended)
                return self._writer.refusal(explained) if explained else b""
        return b""

    def _start(self, key: int, block: dict[str, Any]) -> bytes:
        kind = block.get("type")
        if kind in THOUGHTS:
            self._thoughts[key] = block
            return self._writer.close() + self._writer.thought(string(block, "thinking"))
        if kind == "tool_use":
            given = block.get("input")
            begun = self._writer.call(key, string(block, "id"), string(block, "name"))
            return begun + (self._writer.arguments(key, msgspec.json.encode(given).decode()) if given else b"")
        if kind == "text" and string(block, "text"):
            return self._writer.text(string(block, "text"))
        return b""

    def _delta(self, key: int, delta: dict[str, Any]) -> bytes:
        match delta.get("type"):
            case "text_delta":
                return self._writer.text(string(delta, "text"))
            case "thinking_delta":
                return self._writer.thought(string(delta, "thinking"))
            case "signature_delta" if key in self._thoughts:
                self._thoughts[key]["signature"] = string(delta, "signature")
            case "input_json_delta":
                return self._writer.arguments(key, string(delta, "partial_json"))
        return b""

    def _stop(self, key: int) -> bytes:
        """A block is whole, and so is its item."""
        block = self._thoughts.pop(key, None)
        if block is None:
            return self._writer.close() + self._writer.end_call(key)
        if block.get("type") != "thinking":
            return self._writer.seal(lambda _: seal(DIALECT, block))
        return self._writer.seal(lambda text: seal(DIALECT, {"signature": "", **block, "thinking": text}))


def _object(event: dict[str, Any], name: str) -> dict[str, Any]:
    found = event.get(name)
    return found if isinstance(found, dict) else {}
