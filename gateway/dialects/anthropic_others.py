"""What a request to Anthropic only names: other models, an advisor's and those to fall back to, and Anthropic's own
tools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Other

OTHERS_MAX = 16
"""Anthropic takes three to fall back to. Each of them is priced for each call."""


TOOL_TOKENS = 2_750
"""Of what Anthropic has to say of a tool of its own, at most. Recorded of Claude 4 to 4.6: 1,930 for running code,
1,710 for searches; the vocabulary from 4.7 on makes 1.37 times as many of the same text."""

_SMALL_TOOLS = {"bash": 1_000, "text": 1_000, "tool": 1_000, "computer": 1_750, "memory": 1_750}
"""Of some it is less, by how their names begin: 700 for a `text_editor`, 735 and 499 beside for a computer."""

NO_MODEL = "default"
"""What `fallbacks` may be that names no model."""

_CALLERS = (None, "custom", "function")
"""Types of tools whose definitions are in the request, at Anthropic and with other vendors at Bedrock."""


class Tool(msgspec.Struct):
    """What a tool of the request says of itself. An advisor names a model."""

    type: Any = None
    model: Any = None
    max_tokens: Any = None
    max_uses: Any = None


def others(tools: list[Tool] | None, fallbacks: Any) -> tuple[Other, ...]:
    """Advisors, and models to fall back to, which may have a cap and a speed of their own. Raises BadRequest."""
    entries = [] if fallbacks in (None, NO_MODEL) else fallbacks
    if not isinstance(entries, list) or not all(_names_model(entry) for entry in entries):
        raise BadRequest(f'fallbacks must be objects that name their model, or "{NO_MODEL}"', "fallbacks")
    advisors = [
        Other(tool.model, _whole(tool.max_tokens, "max_tokens"), advises=_whole(tool.max_uses, "max_uses") or 1)
        for tool in tools or ()
        if isinstance(tool.model, str)
    ]
    instead = [
        Other(entry["model"], _whole(entry.get("max_tokens"), "max_tokens"), tier=speed_condition(entry.get("speed")))
        for entry in entries
    ]
    if len(advisors) + len(instead) > OTHERS_MAX:
        raise BadRequest(f"a call may name {OTHERS_MAX} other models at most")
    return (*advisors, *instead)


def own_tools_tokens(kinds: Iterable[Any]) -> int:
    """Tokens, at most, of the definitions of tools of these types that have none in the request."""
    return sum(_SMALL_TOOLS.get(str(kind).partition("_")[0], TOOL_TOKENS) for kind in kinds if kind not in _CALLERS)


def kinds_of(tools: Any) -> list[Any]:
    """The types of tools in a body that was decoded as it stands there."""
    return [tool.get("type") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []


def speed_condition(speed: Any) -> str:
    """As prices name it; empty for the ordinary speed."""
    return f"speed:{speed}" if speed not in (None, "standard") else ""


def _names_model(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("model"), str)


def _whole(value: Any, name: str) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise BadRequest(f"{name} of another model must be a whole number", name)
    return value
