"""Tools, and which of them must be called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from gateway.dialects.validate import convert
from gateway.translate.edge import Losses
from gateway.translate.openai_chat_to_bedrock_converse.asked import Body, Function
from gateway.translate.openai_chat_to_bedrock_converse.messages import Conversation
from gateway.translate.schemas import strict_tool

_KINDS = {"auto": "auto", "required": "any", "none": "none"}
_NO_PARAMETERS = {"type": "object", "properties": {}}


class _Named(msgspec.Struct):
    name: str = ""


class _Allowed(msgspec.Struct):
    mode: str = "auto"
    tools: list[_Choice] = []


class _Choice(msgspec.Struct):
    type: str = ""
    function: _Named | None = None
    allowed_tools: _Allowed | None = None


class Chosen(msgspec.Struct, frozen=True):
    """Which tools may be called: `auto`, `any`, `none`, or the `name` of one. `only`: no others are shown at all."""

    kind: str = "auto"
    name: str | None = None
    only: frozenset[str] | None = None

    @property
    def forces(self) -> bool:
        """Whether a tool must be called."""
        return self.kind in ("any", "tool")


def chosen(body: Body, losses: Losses) -> Chosen:
    """What the caller's `tool_choice` asks."""
    given = body.tool_choice
    if isinstance(given, str):
        if given not in _KINDS:
            losses.drop("tool_choice", f"Converse has no choice {given!r}.")
        return Chosen(_KINDS.get(given, "auto"))
    choice = convert(given or {}, _Choice)
    if choice.function is not None:
        return Chosen("tool", choice.function.name)
    if choice.allowed_tools is not None:
        names = [tool.function.name for tool in choice.allowed_tools.tools if tool.function is not None]
        return Chosen("any" if choice.allowed_tools.mode == "required" else "auto", only=frozenset(names))
    if choice.type:
        losses.drop("tool_choice", f"Converse has no choice of type {choice.type!r}.")
    return Chosen()


class Tools(NamedTuple):
    """What the request says of tools."""

    config: dict[str, Any]  # `toolConfig`; empty where there are none.
    own: dict[str, Any]  # What only the vendor's own fields can say of them.
    forced: bool  # One must be called.


def carry_tools(body: Body, conversation: Conversation, losses: Losses, *, claude: bool) -> Tools:
    """The tools, and how they may be chosen. Those that were called are there also where none may be any more:
    Converse takes no conversation with calls without a `toolConfig`. Only Claude can be told then to call none."""
    choice, parallel = chosen(body, losses), body.parallel_tool_calls is not False
    tools = _specifications(body, choice, conversation, losses, claude=claude)
    if not tools:
        tools = [_specified(Function(name), losses, claude=claude) for name in conversation.called]
        choice, parallel = Chosen("none" if claude else "auto"), True
    if not tools:
        return Tools({}, {}, forced=False)
    config, own = tool_config(tools, choice, parallel=parallel, claude=claude, losses=losses)
    return Tools(config, own, choice.forces)


def _specifications(
    body: Body, choice: Chosen, conversation: Conversation, losses: Losses, *, claude: bool
) -> list[dict[str, Any]]:
    carried: list[dict[str, Any]] = []
    for at, tool in enumerate(body.tools or ()):
        if tool.function is None:
            losses.drop(f"tools[{at}]", f"Converse has no tool of type {tool.type!r}.")
        elif choice.only is None or tool.function.name in choice.only:
            carried.append(_specified(tool.function, losses, claude=claude))
            carried += conversation.cache_point(tool.cache_control, f"tools[{at}].cache_control")
    return carried


def _specified(function: Function, losses: Losses, *, claude: bool) -> dict[str, Any]:
    schema, strict = function.parameters or _NO_PARAMETERS, bool(function.strict)
    if strict and claude:
        schema, strict = strict_tool(schema, losses.note)
    spec: dict[str, Any] = {"name": function.name, "inputSchema": {"json": schema}}
    if function.description and function.description.strip():  # An empty one is refused.
        spec["description"] = function.description
    if strict:
        spec["strict"] = True
    return {"toolSpec": spec}


def tool_config(
    tools: Sequence[dict[str, Any]], choice: Chosen, *, parallel: bool, claude: bool, losses: Losses
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`toolConfig`, and what of it only the vendor's own fields can say: that no tool may be called, or one at a time.

    A choice stands in one of the two places; Claude refuses both: https://github.com/BerriAI/litellm/issues/36536
    """
    config: dict[str, Any] = {"tools": tools}
    if claude and (choice.kind == "none" or not parallel):
        own = {"type": choice.kind} | ({"name": choice.name} if choice.name else {})
        return config, {"tool_choice": own | ({} if choice.kind == "none" else {"disable_parallel_tool_use": True})}
    if not parallel:
        losses.drop("parallel_tool_calls", "Converse cannot forbid several calls at once for this model.")
    if choice.kind == "none":
        losses.drop("tool_choice", "Converse cannot forbid calls of tools for this model: leave the tools out.")
    elif choice.kind == "tool":
        config["toolChoice"] = {"tool": {"name": choice.name}}
    elif choice.kind == "any":
        config["toolChoice"] = {"any": {}}
    return config, {}
