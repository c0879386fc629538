"""Whether the newest reply is whole: it says nothing about whether it is right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.core.reply import Choice, End, Reply, Verdict
from gateway.core.request import Request

_ENDS = {
    End.LENGTH: "it was cut off by its length",
    End.REFUSED: "it was refused",
    End.NONE: "it did not come to an end",
}


def check(request: Request, replies: tuple[Reply, ...], _params: Mapping[str, Any]) -> Verdict:
    """Not cut off, not refused, not empty; JSON where that was asked for; arguments of tools that can be read."""
    why = lacks(request, replies[-1])
    return Verdict(why is None, why or "complete")


def lacks(request: Request, reply: Reply) -> str | None:
    """What is wrong with it, if anything is."""
    if not reply.choices:
        return "it said nothing"
    return next((why for choice in reply.choices if (why := _lacks(request, choice)) is not None), None)


def _lacks(request: Request, choice: Choice) -> str | None:
    if choice.end in _ENDS:
        return _ENDS[choice.end]
    for call in choice.calls:
        if call.arguments and read_json(call.arguments) is None:
            return f"the arguments for {call.name} are no JSON"
    if choice.calls:
        return None
    if not choice.text.strip():
        return "it said nothing"
    if "json" in request.facts.needs and read_json(choice.text) is None:
        return "JSON was asked for, and it is none"
    return None


def read_json(text: str) -> tuple[Any] | None:
    """The value in this text, alone in a tuple: it may be null. None where it cannot be read."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None
