"""The tools of a message, as function declarations.

https://ai.google.dev/gemini-api/docs/function-calling#function-calling-modes
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields
from gateway.translate.gemini import call
from gateway.translate.messages_asked import searches_tools

Json = dict[str, Any]

_MODES = {"none": "NONE", "any": "ANY", "tool": "ANY"}


def tools(body: Fields) -> Json:
    """`tools` and `toolConfig`; nothing where no function may be called."""
    declared, strict = [], False
    for tool in body.each("tools"):
        kind = tool.text("type")
        if searches_tools(tool, kind):
            continue
        if kind not in (None, "custom"):
            tool.drop_all(f"{kind} is a tool of Anthropic's own.", "type")
            continue
        strict = bool(tool.flag("strict")) or strict
        declared.append(_declared(tool))
    return call.functions(declared, _choice(body, "VALIDATED" if strict else "AUTO"))


def _declared(tool: Fields) -> Json:
    """Examples and when to load a tool help the model to choose: all are loaded here."""
    tool.note("cache_control", "input_examples", "defer_loading", "eager_input_streaming")
    tool.drop("allowed_callers", "Only the model itself calls tools there.", unless=(["direct"],))
    return call.declaration(tool.needed("name"), tool.text("description"), tool.mapping("input_schema"))


def _choice(body: Fields, free: str) -> Json | None:
    """Which have to be called. `free`: the mode where none has to be: VALIDATED keeps arguments to their schema."""
    choice = body.object("tool_choice")
    if choice is None:
        return None if free == "AUTO" else call.tool_config(free)
    kind = choice.needed("type")
    if kind not in ("auto", *_MODES):
        raise BadRequest("tool_choice.type must be auto, any, tool or none", "tool_choice.type")
    choice.drop("disable_parallel_tool_use", "It cannot be told to call one tool at a time.", unless=(False,))
    mode = _MODES.get(kind, free)
    if kind == "tool":
        return call.tool_config(mode, [choice.needed("name")])
    return None if mode == "AUTO" else call.tool_config(mode)
