"""A question apart from what surrounds it: the text that was said last, and a name for all the rest. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from gateway.cache.lexical import CHARACTERS_MAX
from gateway.core.request import Asked, Facts

_TURNS = {
    "openai-chat": "messages",
    "openai-responses": "input",
    "anthropic-messages": "messages",
    "gemini": "contents",
    "bedrock-converse": "messages",
    "bedrock-invoke": "messages",
    "cohere-chat": "messages",
}
"""Where what was said stands, in dialects whose answers are text."""

_PARTS = ("content", "parts")
_TEXTS = frozenset({"", "text", "input_text"})
_NEEDS = frozenset({"json"})
_PATH = ("model", "verb", "query", "content_type", "betas", "tier", "provider")


class Question(NamedTuple):
    """What is compared, and what must be the same: whose it is, the model, what was said before, every parameter."""

    text: str
    around: bytes


def question(tenant: str, dialect: str, facts: Facts, asked: Asked) -> Question | None:
    """None where it may not be answered by similarity: tools, pictures, sound, files, several texts or a long one."""
    turns = _TURNS.get(dialect)
    if (
        turns is None
        or facts.needs - _NEEDS
        or facts.hides_output
        or facts.images
        or facts.files
        or facts.unseen
        or facts.extras is not None
    ):
        return None
    try:
        body = json.loads(asked.body)  # Which keeps numbers of any length as they are.
        text = _taken(body, turns) if isinstance(body, dict) else None
        if text is None or not text.strip() or len(text) > CHARACTERS_MAX:
            return None
        rest = json.dumps([tenant, dialect, *(getattr(asked, name) for name in _PATH), body], sort_keys=True)
    except (ValueError, RecursionError):
        return None
    return Question(text, hashlib.sha256(rest.encode()).digest())


def _taken(body: dict[str, Any], name: str) -> str | None:
    """The text that was said last, taken out of the body."""
    turns = body.get(name)
    if isinstance(turns, str):
        body[name] = None
        return turns
    return _last(turns) if isinstance(turns, list) else None


def _last(turns: list[Any]) -> str | None:
    turn = turns[-1] if turns else None
    if not isinstance(turn, dict) or turn.get("role", "user") != "user":
        return None
    for name in _PARTS:
        parts = turn.get(name)
        if isinstance(parts, str):
            turn[name] = None
            return parts
        if isinstance(parts, list) and len(parts) == 1 and isinstance(part := parts[0], dict):
            text = part.get("text")
            if isinstance(text, str) and part.get("type", "") in _TEXTS:
                part["text"] = None
                return text
    return None
