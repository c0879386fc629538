"""Writing the events of Anthropic's streamed messages, whatever they are made of.

Their order: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.usage import Usage
from gateway.translate.messages_answer import message, usage_or_zero
from gateway.translate.sealed import UNSIGNED

_encode = msgspec.json.encode


class MessagesStream:
    """The events of one stream. Each method gives whole events. Blocks come one after the other: a method that adds
    to another kind of block than the open one ends that, and begins its own."""

    def __init__(self) -> None:
        self._index = -1  # Of the block that was begun last,
        self._open = ""  # and its type, while it is open.

    def begin(self, message_id: str, model: str, usage: Usage | None = None) -> bytes:
        """The message begins. Its usage is what is known by then; zero stands for what is not."""
        return _event("message_start", {"message": message(message_id, model, (), None, usage)})

    def text(self, text: str) -> bytes:
        """Some more of the answer."""
        begun = self._block("text", {"text": ""})
        return begun + self._delta(b'"type":"text_delta","text":' + _encode(text))

    def thinking(self, text: str) -> bytes:
        """Some more of the thoughts before it."""
        begun = self._block("thinking", {"thinking": "", "signature": ""})
        return begun + (self._delta(b'"type":"thinking_delta","thinking":' + _encode(text)) if text else b"")

    def signature(self, signature: str) -> bytes:
        """What proves the thoughts said just now to be the model's own. It ends them."""
        begun = self._block("thinking", {"thinking": "", "signature": ""})
        return begun + self._close(signature)

    def tool_use(self, call_id: str, name: str) -> bytes:
        """A call of a tool begins."""
        return self.close() + self._block("tool_use", {"id": call_id, "name": name, "input": {}})

    def input_json(self, text: str) -> bytes:
        """Some more of the JSON of its input. A call must have begun, and nothing else since."""
        return self._delta(b'"type":"input_json_delta","partial_json":' + _encode(text))

    def close(self) -> bytes:
        """End the open block, if there is one. Thoughts are told to be signed by nobody."""
        return self._close(UNSIGNED)

    def end(
        self, reason: str, usage: Usage | None, sequence: str | None = None, details: dict[str, Any] | None = None
    ) -> bytes:
        """Why it ends, what it used, and the end. Without usage only zeros are told, which clients insist on.
        `details`: see `messages_answer.refusal`."""
        stop: dict[str, Any] = {"stop_reason": reason, "stop_sequence": sequence}
        if details is not None:
            stop["stop_details"] = details
        delta = {"delta": stop, "usage": usage_or_zero(usage)}
        return self.close() + _event("message_delta", delta) + _event("message_stop", {})

    def _close(self, signature: str) -> bytes:
        if not self._open:
            return b""
        thought, self._open = self._open == "thinking", ""
        signed = self._delta(b'"type":"signature_delta","signature":' + _encode(signature)) if thought else b""
        return signed + _event("content_block_stop", {"index": self._index})

    def _block(self, kind: str, fields: dict[str, Any]) -> bytes:
        """Begin a block of this type, unless one is open."""
        if self._open == kind:
            return b""
        ended = self.close()
        self._open = kind
        self._index += 1
        block = {"type": kind} | fields
        return ended + _event("content_block_start", {"index": self._index, "content_block": block})

    def _delta(self, members: bytes) -> bytes:
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{%b}}\n\n' % (
            self._index,
            members,
        )


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name} | fields))
