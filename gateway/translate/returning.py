"""What a conversation holds of other makers' thoughts, once it goes to a provider that speaks the caller's own dialect.

An edge writes them where that dialect has its own, with a mark of ours instead of a signature. A provider refuses what
it has not signed, so there they are left out, as on every edge. All else stays, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.request import Asked
from gateway.dialects.validate import decode
from gateway.translate.edge import Losses
from gateway.translate.messages_asked import THOUGHTS
from gateway.translate.sealed import MARK

_MARKED = b'"%b' % MARK.encode()


class _Thought(msgspec.Struct):
    type: Any = None
    signature: Any = None  # Of a block of Anthropic's messages.
    encrypted_content: Any = None  # Of an item of OpenAI's responses.

    @property
    def of_another(self) -> bool:
        """Whether an edge wrote it."""
        seal = {"thinking": self.signature, "reasoning": self.encrypted_content}.get(str(self.type))
        return isinstance(seal, str) and seal.startswith(MARK)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])
_thought = msgspec.json.Decoder(_Thought)


def returned(dialect: str, asked: Asked, losses: Losses) -> Asked:
    """The call for a provider that speaks its dialect. Raises BadRequest."""
    if dialect not in _CONVERSATIONS or _MARKED not in asked.body:
        return asked
    name, without = _CONVERSATIONS[dialect]
    body = decode(_members, asked.body)
    said = bytes(body.get(name, b""))
    own = without(said, losses)
    return asked if own is said else replace(asked, body=msgspec.json.encode(body | {name: msgspec.Raw(own)}))


def own_messages(messages: bytes, losses: Losses) -> bytes:
    """Anthropic's messages without other makers' thoughts; the same object where there are none. A message of nothing
    else is left out whole: an empty one is refused."""
    if _MARKED not in messages:
        return messages
    kept, changed = [], False
    for raw in decode(_array, messages):
        message = decode(_members, bytes(raw))
        blocks = bytes(message.get("content", b""))
        own = _own(blocks, THOUGHTS, losses)
        changed = changed or own is not blocks
        if own is blocks:
            kept.append(raw)
        elif own != b"[]":
            kept.append(msgspec.Raw(msgspec.json.encode(message | {"content": msgspec.Raw(own)})))
    return msgspec.json.encode(kept) if changed else messages


def _own_items(items: bytes, losses: Losses) -> bytes:
    return _own(items, "input.reasoning", losses)


def _own(given: bytes, called: str, losses: Losses) -> bytes:
    """The array without thoughts of others; the same object where there are none, or where it is a text."""
    if _MARKED not in given or not given.startswith(b"["):
        return given
    listed = decode(_array, given)
    own = [each for each in listed if not decode(_thought, bytes(each)).of_another]
    if len(own) == len(listed):
        return given
    losses.note(called)
    return msgspec.json.encode(own)


_CONVERSATIONS: dict[str, tuple[str, Callable[[bytes, Losses], bytes]]] = {
    "anthropic-messages": ("messages", own_messages),
    "anthropic-count-tokens": ("messages", own_messages),
    "openai-responses": ("input", _own_items),
    "openai-count-tokens": ("input", _own_items),
}
"""Where the conversation stands, by dialects with such thoughts in them."""
