"""Chunks of a chat completion as chunks of Gemini's."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Report
from gateway.dialects.framing import JSON_ARRAY
from gateway.dialects.gemini import framing_wanted
from gateway.dialects.openai_report import read_report
from gateway.dialects.openai_usage import UNREADABLE
from gateway.translate.chat_said import Choice, Counted, arguments_of, chunks, text_of
from gateway.translate.edge import Told
from gateway.translate.gemini_to_openai_chat.answer import (
    call_part,
    candidate,
    finish_of,
    logprobs_of,
    objects,
    response,
    said,
)
from gateway.translate.gemini_to_openai_chat.caller import caller_of

Json = dict[str, Any]

_DONE = b"[DONE]"


class _Call:
    """One call, as far as it has come."""

    def __init__(self) -> None:
        self.id: Any = None
        self.name: Any = None
        self.extra: Any = None
        self.said: list[str] = []  # Of its arguments.


class _Answer:
    """One of the answers, so far."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self._counted = Counted()
        self.finish: Any = None
        self.refused = False

    def call(self, given: Json) -> None:
        """A call, or a part of its arguments."""
        function = given.get("function")
        function = function if isinstance(function, dict) else {}
        place = self._counted.place(given.get("index"), text_of(given.get("id")), function.get("name"))
        if place == len(self.calls):
            self.calls.append(_Call())
        call = self.calls[place]
        call.id = call.id or given.get("id")
        call.name = function.get("name") or call.name
        call.extra = given.get("extra_content") or call.extra
        call.said.append(arguments_of(function))


class Translation:
    """See `StreamTranslation`. Calls come whole at Google, and so wait for the end, as does why it ended: the usage,
    which follows that, stands beside it."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._caller = caller_of(told.asked)
        self._array = framing_wanted(told.asked) is JSON_ARRAY
        self._begun = self._over = False
        self._model: Any = None
        self._report = Report()
        self._answers: dict[int, _Answer] = {}

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
        self._model = chunk.model or self._model
        more = [made for choice in chunk.choices or () if (made := self._more(choice)) is not None]
        return self._written(response(self._told, self._model, more, None)) if more else b""

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        if self._over:
            return b""
        self._over = True
        ended = [self._end(index) for index in sorted(self._answers)] or [candidate(0, [], "STOP")]
        last = self._written(response(self._told, self._model, ended, self._report.usage))
        return last + b"\n]" if self._array else last

    def _more(self, choice: Choice) -> Json | None:
        """Some more of one answer; None where nothing is to be said yet."""
        index = choice.index if type(choice.index) is int else 0
        answer = self._answers.setdefault(index, _Answer())
        answer.finish = choice.finish_reason or answer.finish
        delta = choice.delta if isinstance(choice.delta, dict) else {}
        answer.refused = answer.refused or bool(delta.get("refusal"))
        for call in objects(delta.get("tool_calls")):
            answer.call(call)
        parts, probable = said(delta, self._caller), logprobs_of(choice.logprobs)
        return candidate(index, parts, "", probable) if parts or probable else None

    def _end(self, index: int) -> Json:
        answer = self._answers[index]
        calls = [call_part(call.id, call.name, "".join(call.said), call.extra, self._caller) for call in answer.calls]
        return candidate(index, calls, finish_of(answer.finish, refused=answer.refused))

    def _written(self, chunk: Json) -> bytes:
        if not self._array:
            return b"data: %b\n\n" % msgspec.json.encode(chunk)
        before, self._begun = b",\r\n" if self._begun else b"[", True
        return before + msgspec.json.encode(chunk)
