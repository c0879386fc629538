"""What a provider said when it refused, whatever its dialect: all of them are JSON and have a message somewhere."""

from __future__ import annotations

from typing import Any

import msgspec

MESSAGE_CHARACTERS_MAX = 2000


def message_of(body: bytes) -> str:
    """The message of an error's body; empty if there is none.

    OpenAI, Anthropic and Gemini: `{"error": {"message": …}}`; Gemini also in a list; Bedrock and Cohere:
    `{"message": …}`; Ollama: `{"error": "…"}`.
    """
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if isinstance(found, list):
        found = found[0] if found else None
    for _ in range(2):  # The error, and the message in it.
        if isinstance(found, dict):
            found = found.get("error") or found.get("message") or found.get("Message")
    return found[:MESSAGE_CHARACTERS_MAX] if isinstance(found, str) else ""
