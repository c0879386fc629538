"""Other models that a request to Anthropic names: an advisor's, and those to fall back to."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Other

OTHERS_MAX = 16
"""Anthropic takes three to fall back to. Each of them is priced for each call."""


class Tool(msgspec.Struct):
    """What a tool of the request says about a model. An advisor names one."""

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


def speed_condition(speed: Any) -> str:
    """As prices name it; empty for the ordinary speed."""
    return f"speed:{speed}" if speed not in (None, "standard") else ""


def _whole(value: Any, name: str) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise BadRequest(f"{name} of another model must be a whole number", name)
    return value
