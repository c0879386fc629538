"""Writing the chunks of OpenAI's chat completions, whatever they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.translate.chat_answer import usage_block

DONE = b"data: [DONE]\n\n"
"""The end of a stream in which all was said."""

_encode = msgspec.json.encode


class ChatStream:
    """The chunks of one stream. Each method gives whole events. `choice` is which of several answers it is about."""

    def __init__(self) -> None:
        self._head = b""

    def begin(self, call_id: str, created: int, model: str, choices: int = 1) -> bytes:
        """The first chunk of every choice: who speaks. It comes before all others."""
        head = {"id": call_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":['
        return b"".join(self._delta(b'"role":"assistant","content":""', choice) for choice in range(choices))

    def text(self, text: str, choice: int = 0) -> bytes:
        """Some more of the answer."""
        return self._delta(b'"content":' + _encode(text), choice)

    def refusal(self, text: str, choice: int = 0) -> bytes:
        """Some more of why there is no answer."""
        return self._delta(b'"refusal":' + _encode(text), choice)

    def reasoning(self, text: str, detail: Mapping[str, Any] | None = None, choice: int = 0) -> bytes:
        """Some more reasoning: as text, and as a part of one of `reasoning_details`, if it must come back as it was.

        `detail` has an `index`. Clients join parts of the same index: strings are put one behind the other, except
        for `type`. So what is said once, such as a signature or a format, stands in one part only.
        """
        members = [b'"reasoning_content":' + _encode(text)] if text else []
        if detail is not None:
            members.append(b'"reasoning_details":[' + _encode(detail) + b"]")
        return self._delta(b",".join(members), choice)

    def tool_call(
        self, index: int, call_id: str, name: str, choice: int = 0, extra: Mapping[str, Any] | None = None
    ) -> bytes:
        """A call of a tool begins. `index` counts the calls of this choice. `extra`: fields that are not OpenAI's."""
        call = {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        return self._delta(b'"tool_calls":[' + _encode(call | dict(extra or {})) + b"]", choice)

    def arguments(self, index: int, text: str, choice: int = 0) -> bytes:
        """Some more of the JSON of its arguments."""
        return self._delta(b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (index, _encode(text)), choice)

    def beside(self, fields: Mapping[str, Any], choice: int = 0) -> bytes:
        """Fields of a message that are not OpenAI's."""
        return self._delta(_encode(fields)[1:-1], choice)

    def logprobs(self, content: list[dict[str, Any]], choice: int = 0) -> bytes:
        """How probable some more tokens of the answer were."""
        said = b'{"index":%d,"delta":{},"logprobs":{"content":%b,"refusal":null},"finish_reason":null}'
        return self._chunk(said % (choice, _encode(content)), b"null")

    def finish(self, reason: str, choice: int = 0) -> bytes:
        """Why a choice ends."""
        return self._chunk(b'{"index":%d,"delta":{},"finish_reason":%b}' % (choice, _encode(reason)), b"null")

    def usage(self, usage: Usage) -> bytes:
        """The last chunk, which has no choices."""
        return self._chunk(b"", _encode(usage_block(usage)))

    def _delta(self, members: bytes, choice: int) -> bytes:
        return self._chunk(b'{"index":%d,"delta":{%b},"finish_reason":null}' % (choice, members), b"null")

    def _chunk(self, choices: bytes, usage: bytes) -> bytes:
        return b'%b%b],"usage":%b}\n\n' % (self._head, choices, usage)
