"""Anthropic's streamed events as chunks of a chat completion."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Report
from gateway.dialects.anthropic_report import read_report
from gateway.dialects.openai_usage import NO_QUIRKS, UNREADABLE
from gateway.translate.chat_answer import finish_reason
from gateway.translate.chat_stream import DONE, ChatStream
from gateway.translate.edge import Told
from gateway.translate.openai_chat_to_anthropic_messages.answer import call_id, detail


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()


class _Details(msgspec.Struct):
    explanation: str | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""
    stop_reason: str | None = None
    stop_details: _Details | None = None


class _Begun(msgspec.Struct):
    model: str = ""


class _Event(msgspec.Struct):
    type: str = ""
    message: _Begun | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None


_events = msgspec.json.Decoder(_Event)
_EMPTY = (b"", b"{}", b"null")


class Translation:
    """See `StreamTranslation`. Blocks come one after the other, so a delta belongs to the one begun last."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._write = ChatStream()
        self._report = Report()
        self._begun = self._finished = self._over = False
        self._kind = ""  # Of the block begun last.
        self._details = self._calls = 0  # How many were begun.
        self._silent = False  # Nothing of the call's arguments was said yet.

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        try:
            event = _events.decode(data)
        except UNREADABLE:
            return b""
        if event.type == "message_start":
            self._report = read_report(data, NO_QUIRKS, self._report)
            return self._begin(event.message.model if event.message is not None else "")
        if event.type == "message_delta":
            self._report = read_report(data, NO_QUIRKS, self._report)
        return self._begin("") + self._carried(event)

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        return self._end() if self._begun else b""

    def _begin(self, model: str) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._write.begin(call_id(self._told), self._told.created, model)

    def _carried(self, event: _Event) -> bytes:
        if event.type == "content_block_delta" and event.delta is not None:
            return self._more(event.delta)
        if event.type == "content_block_start" and event.content_block is not None:
            return self._block(event.content_block)
        if event.type == "content_block_stop":
            return self._stopped()
        if event.type == "message_delta" and event.delta is not None and event.delta.stop_reason is not None:
            return self._finish(event.delta)
        return self._end() if event.type == "message_stop" else b""

    def _block(self, block: _Block) -> bytes:
        self._kind = block.type
        if block.type == "tool_use":
            self._calls += 1
            self._silent = True
            begun = self._write.tool_call(self._calls - 1, block.id, block.name)
            given = bytes(block.input)
            return begun if given in _EMPTY else begun + self._arguments(given.decode())
        if block.type == "thinking":
            self._details += 1
        elif block.type == "redacted_thinking":
            self._details += 1
            return self._write.reasoning("", detail(block.type, self._details - 1, data=block.data))
        return self._write.text(block.text) if block.text else b""

    def _more(self, delta: _Delta) -> bytes:
        if delta.text:
            return self._write.text(delta.text)
        if delta.partial_json and self._kind == "tool_use":
            return self._arguments(delta.partial_json)
        if not self._details:
            return b""
        part: dict[str, Any] = {"type": "reasoning.text", "index": self._details - 1}
        if delta.thinking:
            return self._write.reasoning(delta.thinking, part | {"text": delta.thinking})
        if delta.signature:
            signed = detail("thinking", self._details - 1) | {"signature": delta.signature}
            return self._write.reasoning("", signed)
        return b""

    def _finish(self, delta: _Delta) -> bytes:
        self._finished = True
        why = delta.stop_details.explanation if delta.stop_details is not None else None
        return (self._write.refusal(why) if why else b"") + self._write.finish(finish_reason(delta.stop_reason))

    def _arguments(self, text: str) -> bytes:
        self._silent = False
        return self._write.arguments(self._calls - 1, text)

    def _stopped(self) -> bytes:
        """A call without any input has no delta; its arguments are JSON nevertheless."""
        return self._arguments("{}") if self._kind == "tool_use" and self._silent else b""

    def _end(self) -> bytes:
        if self._over:
            return b""
        self._over = True
        finish = b"" if self._finished else self._write.finish("stop")
        usage = self._write.usage(self._report.usage) if self._report.usage is not None else b""
        return finish + usage + DONE
