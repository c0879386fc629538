"""Chunks of a chat completion as Anthropic's streamed events."""

from __future__ import annotations

from typing import Any

from gateway.core.usage import Report
from gateway.dialects.openai_report import read_report
from gateway.dialects.openai_usage import UNREADABLE
from gateway.translate import pictures
from gateway.translate.anthropic_messages_to_openai_chat.answer import message_id, reason_of
from gateway.translate.anthropic_messages_to_openai_chat.calls import Calls
from gateway.translate.chat_said import Choice, chunks, spoken
from gateway.translate.edge import Told
from gateway.translate.messages_stream import MessagesStream

_DONE = b"[DONE]"


class Translation:
    """See `StreamTranslation`. The end waits for the usage, which follows the reason to stop."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._write = MessagesStream()
        self._calls = Calls(self._write, told)
        self._report = Report()
        self._begun = self._over = self._refused = False
        self._reason: Any = None

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        if data.strip() == _DONE:
            return self.finish()
        if b'"usage"' in data:
            self._report = read_report(data, self._told.quirks, self._report)
        try:
            chunk = chunks.decode(data)
        except UNREADABLE:
            return b""
        begun = self._begin(chunk.model)
        return begun + b"".join(self._more(choice) for choice in chunk.choices or () if choice.index in (0, None))

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        if self._over or not self._begun:
            return b""
        self._over = True
        rest = self._calls.finish()
        reason = "refusal" if self._refused else reason_of(self._reason, called=self._calls.any)
        return rest + self._write.end(reason, self._report.usage)

    def _begin(self, model: Any) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._write.begin(message_id(self._told), model if isinstance(model, str) else "")

    def _more(self, choice: Choice) -> bytes:
        if choice.finish_reason is not None:
            self._reason = choice.finish_reason
        delta = choice.delta
        if not isinstance(delta, dict):
            return b""
        thoughts, text = spoken(delta)
        refused = delta.get("refusal")
        made = []
        if thoughts:
            made.append(self._calls.beside(self._write.thinking, thoughts))
        if text := text + pictures.told(delta):
            made.append(self._calls.beside(self._write.text, text))
        if isinstance(refused, str) and refused:
            self._refused = True
            made.append(self._calls.beside(self._write.text, refused))
        calls = delta.get("tool_calls")
        if isinstance(calls, list):
            made += [self._calls.feed(call) for call in calls if isinstance(call, dict)]
        return b"".join(made)
