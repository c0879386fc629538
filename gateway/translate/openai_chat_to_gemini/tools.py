"""The tools of a chat completion, as function declarations.

https://ai.google.dev/gemini-api/docs/function-calling#function-calling-modes
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields
from gateway.translate.gemini import call

Json = dict[str, Any]

_FUNCTIONS_ALONE = "Only tools with a JSON schema are known there."
_MODES = {"none": "NONE", "required": "ANY"}


def tools(body: Fields) -> Json:
    """`tools` and `toolConfig`; nothing where no function may be called."""
    declared, strict = [], False
    for tool in body.each("tools"):
        if (function := _function(tool)) is None:
            continue
        strict = bool(function.flag("strict")) or strict
        name, about = function.needed("name"), function.text("description")
        declared.append(call.declaration(name, about, function.mapping("parameters")))
        tool.note("cache_control")
    body.drop("parallel_tool_calls", "It cannot be told to call one tool at a time.", unless=(True,))
    return call.functions(declared, _choice(body, "VALIDATED" if strict else "AUTO"))


def _function(tool: Fields) -> Fields | None:
    """What is said of a function; None for a tool that had to be left out."""
    kind = tool.text("type") or "function"
    if kind != "function":
        tool.drop_all(_FUNCTIONS_ALONE, "type")
        return None
    return tool.inner("function")


def _choice(body: Fields, free: str) -> Json | None:
    """Which have to be called. `free`: the mode where none has to be: VALIDATED keeps arguments to their schema."""
    if "tool_choice" not in body:
        return None if free == "AUTO" else call.tool_config(free)
    given = body.any("tool_choice")
    if isinstance(given, str) and given in ("auto", *_MODES):
        mode = _MODES.get(given, free)
        return None if mode == "AUTO" else call.tool_config(mode)
    if not isinstance(given, dict):
        raise BadRequest("tool_choice must be auto, none, required or an object", "tool_choice")
    choice = body.opened(given, "tool_choice")
    if choice.text("type") == "allowed_tools":
        return _allowed(choice.inner("allowed_tools"))
    function = choice.object("function")
    if function is None:
        choice.drop_all(_FUNCTIONS_ALONE, "type")
        return None
    return call.tool_config("ANY", [function.needed("name")])


def _allowed(choice: Fields) -> Json:
    """A choice among some. Where none has to be called, the mode that takes names is VALIDATED."""
    mode = choice.needed("mode")
    if mode not in ("auto", "required"):
        raise BadRequest(f"{choice.at('mode')} must be auto or required", choice.at("mode"))
    functions = [_function(tool) for tool in choice.each("tools")]
    names = [function.needed("name") for function in functions if function is not None]
    return call.tool_config("ANY" if mode == "required" else "VALIDATED", names)
