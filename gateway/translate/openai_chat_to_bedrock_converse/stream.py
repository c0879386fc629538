"""The stream: Converse's events as chunks of a chat completion. An event tells its kind by the members it has."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.translate.chat_stream import DONE, ChatStream
from gateway.translate.edge import Told
from gateway.translate.openai_chat_to_bedrock_converse.answer import (
    ToolUse,
    asked_model,
    completion_id,
    finish_reason,
    hidden,
    used,
)
from gateway.translate.openai_chat_to_bedrock_converse.messages import CLAUDE_FORMAT


class _Thought(msgspec.Struct, rename="camel"):
    text: str = ""
    signature: str = ""
    redacted_content: str = ""


class _Input(msgspec.Struct):
    input: str = ""


class _Start(msgspec.Struct, rename="camel"):
    tool_use: ToolUse | None = None


class _Delta(msgspec.Struct, rename="camel"):
    text: str = ""
    tool_use: _Input | None = None
    reasoning_content: _Thought | None = None


class _Event(msgspec.Struct, rename="camel"):
    role: str | None = None
    content_block_index: int | None = None
    start: _Start | None = None
    delta: _Delta | None = None
    stop_reason: str | None = None
    usage: Any = None


_events = msgspec.json.Decoder(_Event)


class Translation:
    """See `StreamTranslation`."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._write = ChatStream()
        self._begun = self._done = False
        self._calls = 0  # That have begun,
        self._waiting = False  # and whether the last one has no arguments yet.
        self._thoughts: dict[int, int] = {}  # Blocks of reasoning, by their index: which of the details each is.

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        try:
            event = _events.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return b""
        if not self._begun and event.role is None:
            return b""  # Nothing comes before the role.
        begun = b"" if self._begun else self._begin()
        return begun + self._made(event)

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`. Usage that never came is left out: missing is not zero."""
        return b"" if self._done or not self._begun else DONE

    def _begin(self) -> bytes:
        self._begun = True
        return self._write.begin(completion_id(self._told), self._told.created, asked_model(self._told))

    def _made(self, event: _Event) -> bytes:
        if event.delta is not None:
            return self._more(event.delta, event.content_block_index or 0)
        if event.start is not None:
            return self._call(event.start.tool_use) if event.start.tool_use is not None else b""
        if event.stop_reason is not None:
            return self._write.finish(finish_reason(event.stop_reason))
        if event.usage is not None:
            self._done = True
            usage = used(event.usage)
            return DONE if usage is None else self._write.usage(usage) + DONE
        return self._ended()

    def _call(self, call: ToolUse) -> bytes:
        self._calls, self._waiting = self._calls + 1, True
        return self._write.tool_call(self._calls - 1, call.tool_use_id, call.name)

    def _ended(self) -> bytes:
        """A block ends. Clients read the arguments as JSON, also where there are none."""
        if not self._waiting:
            return b""
        self._waiting = False
        return self._write.arguments(self._calls - 1, "{}")

    def _more(self, delta: _Delta, block: int) -> bytes:
        if delta.text:
            return self._write.text(delta.text)
        if delta.tool_use is not None and delta.tool_use.input:
            self._waiting = False
            return self._write.arguments(self._calls - 1, delta.tool_use.input)
        if delta.reasoning_content is not None:
            return self._thought(delta.reasoning_content, self._thoughts.setdefault(block, len(self._thoughts)))
        return b""

    def _thought(self, thought: _Thought, index: int) -> bytes:
        if thought.redacted_content:
            return self._write.reasoning("", hidden(index, thought.redacted_content))
        detail: dict[str, Any] = {"type": "reasoning.text", "index": index}
        if thought.signature:
            return self._write.reasoning("", detail | {"signature": thought.signature, "format": CLAUDE_FORMAT})
        return self._write.reasoning(thought.text, detail | {"text": thought.text}) if thought.text else b""
