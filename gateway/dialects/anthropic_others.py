"""What a request to Anthropic only names: other models, an advisor's and those to fall back to, and Anthropic's own
tools."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Other

OTHERS_MAX = 16
"""Anthropic takes three to fall back to. Each of them is priced for each call."""


TOOL_TOKENS = 750
"""Of the definition that Anthropic has for a tool of its own, at most: 735 for a computer, 700 for an editor."""

COMPUTER_TOKENS = 500
"""What it says to a model about a computer, beside: 499 at most."""


class Tool(msgspec.Struct):
    """What a tool of the request says of itself. An advisor names a model."""

    type: Any = None
    model: Any = None
    max_tokens: Any = None
    max_uses: Any = None


def others(tools: list[Tool] | None, fallbacks: Any) -> tuple[Other, ...]:
    """Advisors, and models to fall back to, which may have a cap and a speed of their own. Raises BadRequest."""
    entries = [e for e in fallbacks if isinstance(e, dict)] if isinstance(fallbacks, list) else []
    advisors = [
        Other(tool.model, _whole(tool.max_tokens, "max_tokens"), advises=_whole(tool.max_uses, "max_uses") or 1)
        for tool in tools or ()
        if isinstance(tool.model, str)
    ]
    instead = [
        Other(entry["model"], _whole(entry.get("max_tokens"), "max_tokens"), tier=speed_condition(entry.get("speed")))
        for entry in entries
        if isinstance(entry.get("model"), str)
    ]
    if len(advisors) + len(instead) > OTHERS_MAX:
        raise BadRequest(f"a call may name {OTHERS_MAX} other models at most")
    return (*advisors, *instead)


def own_tools_tokens(tools: list[Tool] | None) -> int:
    """Tokens, at most, of the definitions of tools that have none in the request."""
    own = [tool.type for tool in tools or () if tool.type not in (None, "custom")]
    computers = [kind for kind in own if isinstance(kind, str) and kind.startswith("computer_")]
    return len(own) * TOOL_TOKENS + len(computers) * COMPUTER_TOKENS


def speed_condition(speed: Any) -> str:
    """As prices name it; empty for the ordinary speed."""
    return f"speed:{speed}" if speed not in (None, "standard") else ""


def _whole(value: Any, name: str) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise BadRequest(f"{name} of another model must be a whole number", name)
    return value
