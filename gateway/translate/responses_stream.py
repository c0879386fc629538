"""Writing the events of a streamed response, whatever they are made of.

Their names and order: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.translate.edge import Told
from gateway.translate.responses_answer import (
    PREFIXES,
    Envelope,
    call_item,
    message_item,
    reasoning_item,
    refusal_part,
    text_part,
)
from gateway.translate.responses_tools import Tool, Toolbox


class _Call:
    """A call of a tool that is being written."""

    def __init__(self, index: int, item_id: str, tool: Tool, call_id: str) -> None:
        self.index = index
        self.item_id = item_id
        self.tool = tool
        self.call_id = call_id
        self.pieces: list[str] = []

    def item(self, arguments: str, status: str) -> dict[str, Any]:
        """As it is with these arguments."""
        return call_item(self.item_id, self.tool, self.call_id, arguments, status)


class ResponsesStream:
    """The events of one stream. Each method gives whole events.

    Text, refusals and thoughts come one after the other: a method that adds to another kind of item than the open one
    ends that, and begins its own. Calls stay open beside them until they are ended, since some providers mix them.
    """

    def __init__(self, told: Told, toolbox: Toolbox) -> None:
        self._envelope = Envelope(told)
        self._toolbox = toolbox
        self._sequence = 0
        self._model = ""
        self._output: list[dict[str, Any]] = []  # Every item in its place. Those that are open are replaced in the end.
        self._open = ""  # "message" or "reasoning",
        self._index = -1  # its place, and what it has so far.
        self._parts: list[dict[str, Any]] = []
        self._kind = ""  # Of the part that is open: "output_text", "refusal" or "summary_text".
        self._pieces: list[str] = []
        self._logprobs: list[Any] = []
        self._calls: dict[int, _Call] = {}

    def begin(self, model: str) -> bytes:
        """The response begins."""
        self._model = model
        response = self._envelope.response(model, "in_progress", [])
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def text(self, text: str, logprobs: list[Any] | None = None) -> bytes:
        """Some more of the answer."""
        begun = self._part("output_text")
        self._pieces.append(text)
        self._logprobs += logprobs or []
        return begun + self._of_part("response.output_text.delta", delta=text, logprobs=logprobs or [])

    def refusal(self, text: str) -> bytes:
        """Some more of what is said instead of an answer."""
        begun = self._part("refusal")
        self._pieces.append(text)
        return begun + self._of_part("response.refusal.delta", delta=text)

    def thought(self, text: str) -> bytes:
        """Some more of the thoughts before it. None may be told, and there are thoughts all the same."""
        begun = self._begin_item("reasoning")
        if not text:
            return begun
        if not self._kind:
            self._kind = "summary_text"
            begun += self._of_summary("response.reasoning_summary_part.added", part=_summary(""))
        self._pieces.append(text)
        return begun + self._of_summary("response.reasoning_summary_text.delta", delta=text)

    def seal(self, sealed: Callable[[str], str | None]) -> bytes:
        """The thoughts are over: what the provider wants to have back of them, made of their text."""
        begun = self._begin_item("reasoning")
        return begun + self._end_reasoning(sealed("".join(self._pieces)))

    def call(self, key: int, call_id: str, name: str) -> bytes:
        """A call begins. `key` tells it from other calls that are open."""
        closed = self.close() + (self.end_call(key) if key in self._calls else b"")
        tool, index = self._toolbox.find(name), len(self._output)
        call = _Call(index, self._envelope.item_id(PREFIXES[tool.kind], index), tool, call_id)
        self._calls[key] = call
        item = call.item("", "in_progress")
        self._output.append(item)
        return closed + self._event("response.output_item.added", output_index=index, item=item)

    def arguments(self, key: int, text: str) -> bytes:
        """Some more of the JSON of its arguments. A custom tool's text is told when it is whole."""
        call = self._calls.get(key)
        if call is None or not text:
            return b""
        call.pieces.append(text)
        return self._of_call(call, "response.function_call_arguments.delta", delta=text) if _is_function(call) else b""

    def end_call(self, key: int, status: str = "completed") -> bytes:
        """A call is whole."""
        call = self._calls.pop(key, None)
        if call is None:
            return b""
        written, arguments = b"", "".join(call.pieces)
        if _is_function(call) and not arguments and status == "completed":  # Clients read it as JSON.
            arguments = "{}"
            written = self._of_call(call, "response.function_call_arguments.delta", delta=arguments)
        item = call.item(arguments, status)
        if _is_function(call):
            written += self._of_call(call, "response.function_call_arguments.done", arguments=arguments)
        elif call.tool.kind == "custom":
            written += self._of_call(call, "response.custom_tool_call_input.delta", delta=item["input"])
            written += self._of_call(call, "response.custom_tool_call_input.done", input=item["input"])
        return written + self._done(call.index, item)

    def close(self, status: str = "completed") -> bytes:
        """End the open message or reasoning, if there is one."""
        if self._open == "reasoning":
            return self._end_reasoning(None)
        if self._open == "message":
            closed = self._end_part()
            self._open = ""
            return closed + self._done(self._index, message_item(self._item_id(), self._parts, status))
        return b""

    def end(self, usage: Usage | None, incomplete: str | None = None, tier: str | None = None) -> bytes:
        """All is said. `incomplete`: why it is not all that there was to say."""
        status = "completed" if incomplete is None else "incomplete"
        closed = self.close(status) + b"".join([self.end_call(key, status) for key in list(self._calls)])
        response = self._envelope.ended(self._model, self._output, usage, incomplete, tier)
        return closed + self._event(f"response.{status}", response=response)

    def _begin_item(self, kind: str) -> bytes:
        if self._open == kind:
            return b""
        closed = self.close()
        self._open, self._index, self._parts = kind, len(self._output), []
        item = reasoning_item(self._item_id(), "") if kind == "reasoning" else message_item(self._item_id(), [])
        item["status"] = "in_progress"
        self._output.append(item)
        return closed + self._event("response.output_item.added", output_index=self._index, item=item)

    def _part(self, kind: str) -> bytes:
        """A part of this kind is open in a message."""
        begun = self._begin_item("message")
        if self._kind == kind:
            return begun
        begun += self._end_part()
        self._kind = kind
        part = text_part("") if kind == "output_text" else refusal_part("")
        return begun + self._of_part("response.content_part.added", part=part)

    def _end_part(self) -> bytes:
        if not self._kind:
            return b""
        text, logprobs, kind = "".join(self._pieces), self._logprobs, self._kind
        if kind == "output_text":
            part = text_part(text, logprobs)
            ended = self._of_part("response.output_text.done", text=text, logprobs=logprobs)
        else:
            part = refusal_part(text)
            ended = self._of_part("response.refusal.done", refusal=text)
        ended += self._of_part("response.content_part.done", part=part)
        self._parts.append(part)
        self._kind, self._pieces, self._logprobs = "", [], []
        return ended

    def _end_reasoning(self, sealed: str | None) -> bytes:
        text, ended = "".join(self._pieces), b""
        if self._kind:
            ended = self._of_summary("response.reasoning_summary_text.done", text=text)
            ended += self._of_summary("response.reasoning_summary_part.done", part=_summary(text))
        item = reasoning_item(self._item_id(), text, sealed)
        self._open, self._kind, self._pieces = "", "", []
        return ended + self._done(self._index, item)

    def _item_id(self) -> str:
        return self._envelope.item_id("rs" if self._open == "reasoning" else "msg", self._index)

    def _done(self, index: int, item: dict[str, Any]) -> bytes:
        self._output[index] = item
        return self._event("response.output_item.done", output_index=index, item=item)

    def _of_part(self, kind: str, **fields: Any) -> bytes:
        place = {"item_id": self._item_id(), "output_index": self._index, "content_index": len(self._parts)}
        return self._event(kind, **place, **fields)

    def _of_summary(self, kind: str, **fields: Any) -> bytes:
        place = {"item_id": self._item_id(), "output_index": self._index, "summary_index": 0}
        return self._event(kind, **place, **fields)

    def _of_call(self, call: _Call, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=call.item_id, output_index=call.index, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = msgspec.json.encode({"type": kind, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _is_function(call: _Call) -> bool:
    return call.tool.kind == "function"


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}
