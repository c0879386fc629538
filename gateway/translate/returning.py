"""What a conversation holds of other makers' thoughts, once it goes to a provider that speaks the caller's own dialect.

An edge writes them where that dialect has its own, with a mark of ours instead of a signature. A provider refuses what
it has not signed, so there they are left out, as on every edge. All else stays, byte for byte, but for a budget to
think with which Claude would refuse the call then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.request import Asked
from gateway.dialects.validate import decode
from gateway.translate.edge import Losses
from gateway.translate.messages_asked import CLEARING_THOUGHTS, THOUGHTS
from gateway.translate.sealed import MARK

Members = dict[str, msgspec.Raw]

_MARKED = b'"%b' % MARK.encode()
_BUDGET, _CALLS = b'"enabled"', b'"tool_use"'
"""In every body that may have a budget to think within a turn of tools: others are not taken apart for that."""


class _Part(msgspec.Struct):
    """A thought, or anything else that has a type."""

    type: Any = None
    signature: Any = None  # Of a block of Anthropic's messages.
    encrypted_content: Any = None  # Of an item of OpenAI's responses.

    @property
    def of_another(self) -> bool:
        """Whether an edge wrote it."""
        seal = {"thinking": self.signature, "reasoning": self.encrypted_content}.get(str(self.type))
        return isinstance(seal, str) and seal.startswith(MARK)


class _Context(msgspec.Struct):
    edits: list[msgspec.Raw] | None = None


class _Message(msgspec.Struct):
    role: Any = None
    content: str | list[_Part] | None = None


_members = msgspec.json.Decoder(Members)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_part = msgspec.json.Decoder(_Part)
_message = msgspec.json.Decoder(_Message)
_context = msgspec.json.Decoder(_Context | None)
_anything = msgspec.json.Decoder()


def returned(dialect: str, asked: Asked, model: str, losses: Losses) -> Asked:
    """The call for this model of a provider that speaks its dialect. Raises BadRequest."""
    own = _OWN.get(dialect)
    budget = own is own_messages and "claude" in model.lower() and _BUDGET in asked.body and _CALLS in asked.body
    if own is None or not (budget or _MARKED in asked.body):
        return asked
    body = decode(_members, asked.body)
    made = own(body, losses)
    if budget:
        made = within_budget(made, losses)
    return asked if made is body else replace(asked, body=msgspec.json.encode(made))


def own_messages(body: Members, losses: Losses) -> Members:
    """A call in Anthropic's messages without other makers' thoughts; the same object where there are none."""
    messages = bytes(body.get("messages", b""))
    if _MARKED not in messages:
        return body
    given = decode(_array, messages)
    own = [_own_message(each, losses) for each in given]
    if all(now is before for now, before in zip(own, given, strict=True)):
        return body
    return body | {"messages": _raw([each for each in own if each is not None])}


def within_budget(body: Members, losses: Losses) -> Members:
    """Without a budget to think where Claude would refuse it, since another maker's model has begun the last turn,
    which may have shown no thoughts; the same object elsewhere."""
    return _without_budget(body, losses) if _has_budget(body) and _lacks_thoughts(body) else body


def _own_message(message: msgspec.Raw, losses: Losses) -> msgspec.Raw | None:
    """The same object where it has no thoughts of others; None where it has nothing else: an empty one is refused."""
    members = decode(_members, bytes(message))
    blocks = bytes(members.get("content", b""))
    own = _own(blocks, THOUGHTS, losses)
    if own is blocks:
        return message
    return None if own == b"[]" else _raw(members | {"content": msgspec.Raw(own)})


def _has_budget(body: Members) -> bool:
    """Not so where it is the model that decides how much to think: that model demands no thoughts."""
    thinking = decode(_anything, bytes(body.get("thinking", b"null")))
    return isinstance(thinking, dict) and thinking.get("type") == "enabled"


def _lacks_thoughts(body: Members) -> bool:
    """Whether the last turn calls tools and begins with no thought. Results of tools do not end a turn."""
    begins: str | None = None
    said: list[str] | None = []  # By the user, behind what is looked at: messages in a row are one.
    messages = decode(_array, bytes(body.get("messages", b"[]")))
    for raw in reversed(messages):
        message = decode(_message, bytes(raw))
        kinds = [str(each.type) for each in message.content] if isinstance(message.content, list) else []
        if message.role == "user":
            said = [*(said or ()), *kinds]
        elif said is not None and "tool_result" not in said:
            break
        else:
            said, begins = None, next(iter(kinds), begins)
    return begins not in (None, "thinking", "redacted_thinking")


def _without_budget(body: Members, losses: Losses) -> Members:
    """And without edits of thoughts, which are refused without it."""
    losses.note("thinking")
    made = {name: value for name, value in body.items() if name != "thinking"}
    context = decode(_context, bytes(made.get("context_management", b"null")))
    edits = (context and context.edits) or []
    kept = [each for each in edits if not str(decode(_part, bytes(each)).type).startswith(CLEARING_THOUGHTS)]
    if len(kept) == len(edits):
        return made
    losses.note("context_management")
    given = decode(_members, bytes(made.pop("context_management")))
    return made | ({"context_management": _raw(given | {"edits": _raw(kept)})} if kept else {})


def _own_input(body: Members, losses: Losses) -> Members:
    """A call of OpenAI's responses, likewise."""
    items = bytes(body.get("input", b""))
    own = _own(items, "input.reasoning", losses)
    return body if own is items else body | {"input": msgspec.Raw(own)}


def _own(given: bytes, called: str, losses: Losses) -> bytes:
    """The array without thoughts of others; the same object where there are none, or where it is a text."""
    if _MARKED not in given or not given.startswith(b"["):
        return given
    listed = decode(_array, given)
    own = [each for each in listed if not decode(_part, bytes(each)).of_another]
    if len(own) == len(listed):
        return given
    losses.note(called)
    return msgspec.json.encode(own)


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


_OWN: dict[str, Callable[[Members, Losses], Members]] = {
    "anthropic-messages": own_messages,
    "anthropic-count-tokens": own_messages,
    "openai-responses": _own_input,
    "openai-count-tokens": _own_input,
}
"""By dialects with such thoughts in them."""
