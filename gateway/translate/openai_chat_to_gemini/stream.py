"""A stream of Gemini's as chunks of a chat completion."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gateway.translate.chat_stream import DONE, ChatStream
from gateway.translate.edge import Told
from gateway.translate.gemini import answer as gemini
from gateway.translate.openai_chat_to_gemini.answer import Ids, arguments, caller_of, image, logprobs, signed


@dataclass(slots=True)
class _Choice:
    """One of the answers, so far."""

    calls: int = 0
    finish: str = ""
    message: str = ""


class Translation:
    """See `StreamTranslation`. Why an answer ended is told when the provider is done: its last word on usage counts."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._caller = caller_of(told)
        self._ids = Ids(told)
        self._out = ChatStream()
        self._begun = False
        self._choices: dict[int, _Choice] = defaultdict(_Choice)
        self._blocked = ""
        self._usage = b""

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        chunk = gemini.read(data)
        if chunk is None:
            return b""
        self._usage = chunk.usage or self._usage
        self._blocked = chunk.blocked or self._blocked
        return self._begin(chunk.model) + b"".join(map(self._more, chunk.candidates))

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        parts = [self._begin("")]
        parts += [self._end(choice) for choice in sorted({*range(self._caller.n or 1), *self._choices})]
        usage = gemini.usage_of(self._usage)
        return b"".join(parts) + (b"" if usage is None else self._out.usage(usage)) + DONE

    def _begin(self, model: str) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._out.begin(
            self._ids.answer, self._told.created, model or self._caller.model, choices=self._caller.n or 1
        )

    def _more(self, candidate: gemini.Candidate) -> bytes:
        choice = self._choices[candidate.choice]
        said = b"".join(self._said(part, candidate.choice) for part in candidate.parts)
        if candidate.finish:
            choice.finish, choice.message = candidate.finish, candidate.message
        probable = logprobs(candidate.logprobs)
        return said + (self._out.logprobs(probable, candidate.choice) if probable else b"")

    def _said(self, part: gemini.Part, index: int) -> bytes:
        if part.call is not None:
            return self._called(part.call, part.signature, index)
        said = b""
        if part.text:
            said += self._out.reasoning(part.text, None, index) if part.thought else self._out.text(part.text, index)
        if part.data:
            said += self._out.beside({"images": [image(part)]}, index)
        if part.signature:
            said += self._out.beside(signed(part.signature), index)
        return said

    def _called(self, call: gemini.Call, signature: str, index: int) -> bytes:
        """Calls come whole."""
        choice = self._choices[index]
        place, choice.calls = choice.calls, choice.calls + 1
        begun = self._out.tool_call(place, self._ids.of_call(call), call.name, index, signed(signature))
        return begun + self._out.arguments(place, arguments(call), index)

    def _end(self, index: int) -> bytes:
        choice = self._choices[index]
        if self._blocked:
            refused = self._out.refusal(gemini.told_blocked(self._blocked), index)
            return refused + self._out.finish("content_filter", index)
        ended = self._out.finish(gemini.reason(choice.finish, called=choice.calls > 0), index)
        if gemini.failed(choice.finish):
            return self._out.refusal(gemini.told(choice.finish, choice.message), index) + ended
        return ended
