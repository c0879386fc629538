"""What a message of OpenAI's chat says, in all the ways in which providers write it."""

from __future__ import annotations

from typing import Any

import msgspec

BROKEN_OFF = frozenset({"error", "insufficient_system_resource", "abort"})
"""Finish reasons of answers that their provider did not finish: Mistral's and OpenRouter's, DeepSeek's, the engines'.
Beside them Mistral says "model_length" where others say "length"."""


class Choice(msgspec.Struct):
    """One of the answers, in a chunk."""

    index: Any = 0
    delta: Any = None
    finish_reason: Any = None
    logprobs: Any = None


class Chunk(msgspec.Struct):
    """An event of a chat's stream, as far as it is carried."""

    model: Any = None
    choices: list[Choice] | None = None


chunks = msgspec.json.Decoder(Chunk)


class Counted:
    """The calls of tools in one stream, in their order: to which of them each piece belongs."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._places: dict[int, int] = {}  # By the provider's index.

    def place(self, index: Any, call_id: str, name: Any) -> int:
        """The place of the call that a piece begins or goes on with. One without an index is whole; without a name,
        too, it is more of the last one."""
        counted = type(index) is int
        place = self._places.get(index, -1) if counted else len(self._ids) - 1
        if place < 0 or (_begins_another(call_id, name, self._ids[place]) if counted else name):
            place = len(self._ids)
            self._ids.append(call_id)
            if counted:
                self._places[index] = place
        return place


def _begins_another(call_id: str, name: Any, open_id: str) -> bool:
    """Whether a piece of a call is of another one than the last of its index: some providers count all of them as the
    first. Others make up an id for each piece; but the name comes only with the first one."""
    return bool(name and call_id and call_id != open_id)


def spoken(message: dict[str, Any]) -> tuple[str, str]:
    """Thoughts and text of a message, or of a part of one: some providers name the first otherwise, and Mistral has
    both as parts of the content."""
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        thoughts = thoughts or "".join(text_of(part.get("thinking")) for part in parts)
        content = "".join(text_of(part.get("text")) for part in parts)
    return text_of(thoughts), text_of(content)


def text_of(value: Any) -> str:
    """Text, also of its parts; empty for what is none."""
    if isinstance(value, list):
        return "".join(text_of(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""


def arguments_of(function: dict[str, Any]) -> str:
    """The JSON of the arguments of a call, or of a piece of it: some engines give it as it is, not as text."""
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else msgspec.json.encode(arguments).decode()


def input_of(arguments: Any) -> dict[str, Any]:
    """The arguments as an object. What is none is kept in one, for the caller's tool to refuse."""
    if isinstance(arguments, dict):
        return arguments
    text = text_of(arguments)
    try:
        read = msgspec.json.decode(text) if text else {}
        msgspec.json.encode([[[[[[[[read]]]]]]]])  # In an answer they stand deeper than here, and must not be too deep.
    except (msgspec.DecodeError, RecursionError):
        read = None
    return read if isinstance(read, dict) else {"arguments": text}
