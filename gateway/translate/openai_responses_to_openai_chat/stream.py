"""The chunks of a chat completion as the events of a response."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Report
from gateway.translate.chat_said import Counted
from gateway.translate.edge import Told
from gateway.translate.openai_responses_to_openai_chat import said
from gateway.translate.responses_settings import toolbox_of
from gateway.translate.responses_stream import ResponsesStream


class Translation:
    """See `StreamTranslation`."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._writer = ResponsesStream(told, toolbox_of(told.asked))
        self._begun = self._ended = False
        self._thinking = ""  # The field in which the provider shows its thoughts, while it does.
        self._calls = 0  # That have begun.
        self._counted = Counted()
        self._quirks = told.quirks
        self._report = Report()
        self._finish_reason = ""
        self._tier: str | None = None

    def feed(self, data: bytes) -> bytes:
        """See `StreamTranslation.feed`."""
        if data.strip() == b"[DONE]":
            return self.finish()
        try:
            chunk = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return b""
        if not isinstance(chunk, dict) or self._ended:
            return b""
        self._tier = said.tier(chunk.get("service_tier")) or self._tier
        if b'"usage"' in data:
            self._report = said.report(data, self._quirks, self._report)
        choice = said.first_choice(chunk)
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        delta = choice.get("delta")
        return self._begin(chunk.get("model")) + (self._more(delta, choice) if isinstance(delta, dict) else b"")

    def finish(self) -> bytes:
        """See `StreamTranslation.finish`."""
        if self._ended:
            return b""
        self._ended = True
        begun = self._begin(None) + self._seal({})
        incomplete = said.INCOMPLETE.get(str(self._finish_reason))
        return begun + self._writer.end(self._report.usage, incomplete, self._tier)

    def _begin(self, model: Any) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._writer.begin(model if isinstance(model, str) else "")

    def _more(self, delta: dict[str, Any], choice: dict[str, Any]) -> bytes:
        written = [self._piece(piece, choice) for piece in said.pieces(delta)]
        written += [self._call(call) for call in said.calls(delta)]
        return b"".join(written)

    def _piece(self, piece: said.Piece, choice: dict[str, Any]) -> bytes:
        if piece.kind == "thought":
            self._thinking = piece.field
            return self._writer.thought(piece.text)
        sealed = self._seal({})
        if piece.kind == "refusal":
            return sealed + self._writer.refusal(piece.text)
        return sealed + self._writer.text(piece.text, said.logprobs(choice))

    def _call(self, call: said.Call) -> bytes:
        """Begin or go on with one. Calls stay open to the end: some providers mix them."""
        place, begun = self._counted.place(call.index, call.call_id, call.name), b""
        if place == self._calls:
            self._calls += 1
            call = said.named(call, place, self._told)
            begun = self._seal({} if call.extra is None else {call.call_id: call.extra})
            begun += self._writer.call(place, call.call_id, call.name)
        return begun + self._writer.arguments(place, call.arguments)

    def _seal(self, extra: dict[str, Any]) -> bytes:
        """What has been thought is over."""
        field, self._thinking = self._thinking, ""
        if not (field or extra):
            return b""
        return self._writer.seal(lambda text: said.sealed({field: text} if field else {}, extra))
