"""The messages of a chat as Anthropic's turns: system prompts apart, results of tools in the user's turn."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields
from gateway.translate.instructions import in_turn
from gateway.translate.openai_chat_to_anthropic_messages import thoughts
from gateway.translate.openai_chat_to_anthropic_messages.parts import Block, content_blocks, text_blocks

_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_SIGNED = "extra_content"
"""Where signatures of Gemini's stand: https://ai.google.dev/gemini-api/docs/thought-signatures#openai"""

_OLDER = "Calls of functions are not known there: use tools."
_NAMELESS = "Who speaks cannot be named there."


class Turns:
    """A conversation, as it is built up."""

    def __init__(self) -> None:
        self._system: list[Block] = []
        self._messages: list[dict[str, Any]] = []

    def add(self, message: Fields) -> None:
        """The next message. What a system says at the beginning is the system prompt; later it stays in its place."""
        role = message.needed("role")
        if role in ("system", "developer") and not self._messages:
            self._system += text_blocks(message)
        elif role in ("system", "developer"):
            self._say("user", [block | {"text": in_turn(block["text"])} for block in text_blocks(message)])
        elif role == "user":
            self._say("user", content_blocks(message))
        elif role == "assistant":
            self._say("assistant", _assistant(message))
        elif role == "tool":
            self._say("user", [_result(message)])
        else:
            message.drop_all(_OLDER if role == "function" else "There is no such role.", "role")
        message.drop("name", _NAMELESS)
        message.note_once("cache_control", "messages.cache_control")

    def written(self) -> dict[str, Any]:
        """The conversation, as members of the request. A turn of one plain text is written as that. What an answer
        shall begin with must not end in white space there."""
        for message in self._messages:  # Results come first in their message.
            message["content"].sort(key=lambda block: block["type"] != "tool_result" and message["role"] == "user")
        said = [{"role": message["role"], "content": _plain(message["content"])} for message in self._messages]
        if not said and self._system:  # Somebody must have said something there.
            return {"messages": [{"role": "user", "content": _plain(self._system)}]}
        if said and said[-1]["role"] == "assistant" and isinstance(said[-1]["content"], str):
            said[-1]["content"] = said[-1]["content"].rstrip()
        system = {"system": _plain(self._system)} if self._system else {}
        return system | {"messages": said}

    def called(self) -> list[str]:
        """The tools that were called, by name."""
        blocks = (block for message in self._messages for block in message["content"])
        return list(dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use"))

    def last_call_unexplained(self) -> bool:
        """Whether the last turn of the model's called tools, and its thoughts before that are not here. Models that
        think by a budget then refuse to go on thinking."""
        said = (message["content"] for message in reversed(self._messages) if message["role"] == "assistant")
        kinds = [block["type"] for block in next(said, ())]
        return "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")

    def _say(self, role: str, blocks: list[Block]) -> None:
        """Turns alternate, and all results of one turn's tools are in the next."""
        if not blocks:
            return
        if self._messages and self._messages[-1]["role"] == role:
            self._messages[-1]["content"] += blocks
        else:
            self._messages.append({"role": role, "content": blocks})


def _plain(blocks: list[Block]) -> Any:
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0].keys() == {"type", "text"} else blocks


def _assistant(message: Fields) -> list[Block]:
    blocks = thoughts.blocks(message) + content_blocks(message) + text_blocks(message, "refusal")
    blocks += [block for call in message.each("tool_calls") if (block := _call(call)) is not None]
    message.drop("function_call", _OLDER)
    message.drop("audio", "It neither hears nor speaks.")
    message.note("annotations", "provider_specific_fields", _SIGNED)
    return blocks


def _call(call: Fields) -> Block | None:
    kind = call.text("type") or "function"
    function = call.object("function")
    call.any("index")  # As it stood in a stream.
    call.note(_SIGNED)
    if kind != "function" or function is None:
        call.drop_all("Only tools with a JSON schema are known there.", kind)
        return None
    call_id, name = call.needed("id"), function.needed("name")
    return {"type": "tool_use", "id": tool_id(call_id), "name": name, "input": _input(function)}


def _input(function: Fields) -> dict[str, Any]:
    given = function.text("arguments") or "{}"
    try:
        read = msgspec.json.decode(given)
    except (msgspec.DecodeError, RecursionError):
        read = None
    if isinstance(read, dict):
        return read
    function.lose("arguments", "It is not a JSON object.")
    return {}


def _result(message: Fields) -> Block:
    call_id = message.needed("tool_call_id")
    message.note_once("name", "messages.name")  # The call is known by its id.
    blocks = content_blocks(message)
    return {"type": "tool_result", "tool_use_id": tool_id(call_id)} | ({"content": _plain(blocks)} if blocks else {})


def tool_id(call_id: str) -> str:
    """The id of a call as Anthropic takes it: letters, digits, _ and - only. Whatever else stands in it is spelt by
    its number, so that different ids stay so."""
    if not call_id:
        raise BadRequest("The id of a tool call must not be empty.")
    return _NO_ID.sub(lambda odd: f"_{ord(odd[0]):x}_", call_id)
