"""Anthropic's turns as the messages of a chat: results of tools apart, each as a message of its own."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.anthropic_messages_to_openai_chat.blocks import CACHE, Part, joined, part, text_part
from gateway.translate.anthropic_messages_to_openai_chat.names import short
from gateway.translate.fields import Fields
from gateway.translate.messages_asked import searched_tools

Message = dict[str, Any]

_THOUGHTS = {"thinking": "thinking", "redacted_thinking": "data"}
"""Blocks of thoughts, and what is in them."""

SHOWN_BELOW = "The result is in the user's next message."
"""Instead of a picture or a document in the result of a tool, which can only be text in a chat."""


def system(owner: Fields, name: str) -> list[Message]:
    """A system prompt; nothing if it is empty."""
    parts = [each for block in owner.content(name) for each in _only_text(block)]
    return [{"role": "system", "content": joined(parts)}] if parts else []


def messages_of(message: Fields, *, recalls: bool) -> list[Message]:
    """One turn. `recalls`: the model takes its earlier thoughts back."""
    role = message.needed("role")
    if role == "user":
        return _user(message)
    if role == "assistant":
        return _assistant(message, recalls=recalls)
    if role == "system":
        return system(message, "content")
    raise BadRequest(f"{message.at('role')} must be user or assistant", message.at("role"))


def _only_text(block: Fields) -> list[Part]:
    kind = block.needed("type")
    if kind == "text":
        return part(block, kind)
    block.drop_all(f"A system prompt has no {kind} there.")
    return []


def _user(message: Fields) -> list[Message]:
    """Results of tools come first, since they must follow the calls; what they show goes before what is said."""
    results: list[Message] = []
    shown: list[Part] = []
    said: list[Part] = []
    for block in message.content("content"):
        kind = block.needed("type")
        if kind == "tool_result":
            result, pictures = _result(block)
            results.append(result)
            shown += pictures
        else:
            said += part(block, kind)
    said = shown + said
    if not said:
        return results
    alone = len(said) == 1 and said[0]["type"] == "text"
    return [*results, {"role": "user", "content": said[0]["text"] if alone else said}]


def _result(block: Fields) -> tuple[Message, list[Part]]:
    """The message of one result, and what of it is not text."""
    call_id = block.needed("tool_use_id")
    parts = [each for inner in block.content("content") for each in part(inner, inner.needed("type"))]
    block.note_once(CACHE, CACHE)
    text = joined(each for each in parts if each["type"] == "text")
    shown = [each for each in parts if each["type"] != "text"]
    if shown:
        text = f"{text}\n\n{SHOWN_BELOW}" if text else SHOWN_BELOW
        shown = text_part(f"The result of tool call {call_id}:") + shown
    if block.flag("is_error"):
        text = f"Error: {text}"
    return {"role": "tool", "tool_call_id": call_id, "content": text}, shown


def _assistant(message: Fields, *, recalls: bool) -> list[Message]:
    texts: list[Part] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in message.content("content"):
        kind = block.needed("type")
        if kind in _THOUGHTS:
            thoughts.append(_thought(block, kind, recalls=recalls))
        elif kind == "tool_use":
            calls.append(_call(block))
        elif not searched_tools(block, kind):
            texts += _only_said(block, kind)
    said: Message = {"role": "assistant", "content": joined(texts) if texts or not calls else None}
    if thought := "".join(thoughts):
        said["reasoning_content"] = thought
    return [said | ({"tool_calls": calls} if calls else {})]


def _thought(block: Fields, kind: str, *, recalls: bool) -> str:
    """What was thought, if that may come back. A signature is for Anthropic alone, and so is what it has hidden."""
    block.any("signature")
    if recalls and kind == "thinking":
        return block.needed("thinking")
    block.note_once(_THOUGHTS[kind], f"messages.content.{kind}")
    return ""


def _only_said(block: Fields, kind: str) -> list[Part]:
    if kind == "text":
        return part(block, kind)
    block.drop_all(f"A chat has no {kind} in an answer.")
    return []


def _call(block: Fields) -> dict[str, Any]:
    block.note_once(CACHE, CACHE)
    block.drop("caller", "Only the model itself calls tools there.", unless=({"type": "direct"},))
    call_id, name, given = block.needed("id"), block.needed("name"), block.mapping("input")
    function = {"name": short(name), "arguments": msgspec.json.encode(given).decode()}
    return {"id": call_id, "type": "function", "function": function}
