"""What a message of OpenAI's chat says, in all the ways in which providers write it."""

from __future__ import annotations

from typing import Any

import msgspec


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
    usage: msgspec.Raw = msgspec.Raw()


chunks = msgspec.json.Decoder(Chunk)


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


def input_of(arguments: Any) -> dict[str, Any]:
    """The arguments as an object. What is none is kept in one, for the caller's tool to refuse."""
    if isinstance(arguments, dict):
        return arguments
    text = text_of(arguments)
    try:
        read = msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, RecursionError):
        read = None
    return read if isinstance(read, dict) else {"arguments": text}
