"""Anthropic's tools, and how the model may choose among them, as a chat has them."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.anthropic_messages_to_openai_chat.blocks import CACHE
from gateway.translate.anthropic_messages_to_openai_chat.names import short
from gateway.translate.fields import Fields
from gateway.translate.messages_asked import searches_tools
from gateway.translate.schemas import strictly

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def tool(given: Fields) -> dict[str, Any] | None:
    """One tool of the caller's; None where it was left out, as those that run at the provider are."""
    kind = given.text("type")
    if searches_tools(given, kind):
        return None
    if kind not in (None, "custom"):
        given.drop_all(f"{kind} is a tool of Anthropic's own.")
        return None
    given.note_once(CACHE, CACHE)
    for hint in ("eager_input_streaming", "input_examples", "defer_loading"):
        given.note_once(hint, f"tools.{hint}")
    given.drop("allowed_callers", "Only the model itself calls tools there.", unless=(["direct"],))
    made: dict[str, Any] = {"name": short(given.needed("name"))}
    if (about := given.text("description")) is not None:
        made["description"] = about
    made["parameters"] = given.mapping("input_schema") or {"type": "object", "properties": {}}
    if given.flag("strict"):
        made |= _strict(given, made["parameters"])
    return {"type": "function", "function": made}


def _strict(given: Fields, schema: dict[str, Any]) -> dict[str, Any]:
    """Anthropic keeps to schemas that OpenAI refuses to: then the model is told, and not made to."""
    if (strict := strictly(schema)) is not None:
        return {"parameters": strict, "strict": True}
    given.leave("tools.strict")
    return {}


def choice(body: Fields) -> dict[str, Any]:
    """The members that say which tools may be called, and whether several at once."""
    given = body.object("tool_choice")
    if given is None:
        return {}
    kind = given.needed("type")
    together = {"parallel_tool_calls": False} if given.flag("disable_parallel_tool_use") else {}
    if kind == "tool":
        return together | {"tool_choice": {"type": "function", "function": {"name": short(given.needed("name"))}}}
    if kind not in _CHOICES:
        raise BadRequest("tool_choice.type must be auto, any, tool or none", "tool_choice.type")
    return together | {"tool_choice": _CHOICES[kind]}
