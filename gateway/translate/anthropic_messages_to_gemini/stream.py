"""A stream of Gemini's as events of Anthropic's messages."""

from __future__ import annotations

import msgspec

from gateway.translate.anthropic_messages_to_gemini.answer import Caller, Said, ending, said
from gateway.translate.edge import Told
from gateway.translate.gemini import answer as gemini
from gateway.translate.messages_stream import MessagesStream


class Translation:
    """See `StreamTranslation`. Why the answer ended is told at the end: the provider's last word on usage counts."""

    def __init__(self, told: Told) -> None:
        self._caller = Caller(told)
        self._out = MessagesStream()
        self._begun = self._called = False
        self._finish = self._message = self._blocked = ""
        self._usage = b""

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        chunk = gemini.read(data)
        if chunk is None:
            return b""
        self._usage = chunk.usage or self._usage
        self._blocked = chunk.blocked or self._blocked
        return self._begin(chunk.model) + b"".join(self._more(each) for each in chunk.candidates if each.choice == 0)

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        ended = ending(self._finish, self._message, self._blocked, called=self._called)
        usage = gemini.usage_of(self._usage)
        return self._begin("") + self._out.end(ended.reason, usage, details=ended.details)

    def _begin(self, model: str) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._out.begin(self._caller.answer, model or self._caller.model, gemini.usage_of(self._usage))

    def _more(self, candidate: gemini.Candidate) -> bytes:
        if candidate.finish:
            self._finish, self._message = candidate.finish, candidate.message
        return b"".join(map(self._step, said(candidate.parts, thinks=self._caller.thinks)))

    def _step(self, step: Said) -> bytes:
        if step.call is not None:
            self._called = True
            begun = self._out.tool_use(self._caller.of_call(step.call), step.call.name)
            return begun + self._out.input_json(msgspec.json.encode(step.call.args).decode()) + self._out.close()
        if step.text:
            return self._out.text(step.text)
        return self._out.signature(step.signature) if step.signature else self._out.thinking(step.thoughts)
