"""Tools of a chat, and how the model may choose among them, as Anthropic has them."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.claude import Claude
from gateway.translate.fields import Fields
from gateway.translate.schemas import strict_tool

_KINDS = {"auto": "auto", "required": "any", "none": "none"}


def tool(given: Fields, claude: Claude) -> dict[str, Any] | None:
    """One tool; None where it was left out."""
    kind = given.text("type") or "function"
    function = given.object("function")
    if kind != "function" or function is None:
        given.drop_all("Only tools with a JSON schema are known there.", kind)
        return None
    made: dict[str, Any] = {"name": function.needed("name")}
    if (about := function.text("description")) is not None:
        made["description"] = about
    made["input_schema"] = function.mapping("parameters") or {"type": "object", "properties": {}}
    if function.flag("strict"):
        if claude.formats:
            made["input_schema"], made["strict"] = strict_tool(made["input_schema"], function.leave)
        else:
            function.lose("strict", "This model cannot be held to a schema.")
    if (marked := given.any("cache_control")) is not None:
        made["cache_control"] = marked
    return made


def choice(body: Fields) -> dict[str, Any] | None:
    """Which tools may be called, and whether several at once; None if nothing is said of it."""
    chosen = _choice(body)
    if body.flag("parallel_tool_calls") is False:
        chosen = chosen or {"type": "auto"}
        if chosen["type"] != "none":
            chosen["disable_parallel_tool_use"] = True
    return chosen


def _choice(body: Fields) -> dict[str, Any] | None:
    given = body.any("tool_choice")
    if given is None:
        return None
    if isinstance(given, str) and given in _KINDS:
        return {"type": _KINDS[given]}
    function = given.get("function") if isinstance(given, dict) and given.get("type") == "function" else None
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        return {"type": "tool", "name": function["name"]}
    if isinstance(given, dict) and isinstance(given.get("type"), str):
        body.lose("tool_choice", "Only auto, none, required and one function are known there.")
        return None
    raise BadRequest("tool_choice must be auto, none, required, or name a function", "tool_choice")
