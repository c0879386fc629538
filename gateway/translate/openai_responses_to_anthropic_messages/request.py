"""A request of OpenAI's Responses API for Anthropic's messages."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.request import Asked
from gateway.translate.claude import Claude, claude_of
from gateway.translate.claude_effort import EFFORTS, UNKNOWN, Frame, Thinking, thinking_for
from gateway.translate.edge import Losses, Target
from gateway.translate.openai_responses_to_anthropic_messages.conversation import Conversation, converse
from gateway.translate.responses_settings import Format, Settings, read_settings
from gateway.translate.responses_tools import Tool
from gateway.translate.schemas import OPEN, for_claude, strict_tool

_MODES = {"required": "any", "none": "none", "auto": "auto"}
_USER_CHARACTERS_MAX = 256
_TEMPERATURE_MAX = 1


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`."""
    said = read_settings(asked, losses)
    conversation = converse(said.items, losses)
    if said.cache_key is not None:
        conversation.keep()
    cap = target.output_tokens_max if said.cap is None else min(said.cap, target.output_tokens_max)
    body: dict[str, Any] = {"model": target.model, "max_tokens": cap, "messages": conversation.messages}
    if conversation.system:
        body["system"] = conversation.system
    if said.stream:
        body["stream"] = True
    claude = claude_of(target.model)
    thinking = _thinking(said, claude, conversation, cap, losses)
    if thinking.thinking is not None:
        body["thinking"] = thinking.thinking
    body |= _tools(said, claude, conversation.called, losses) | _config(said, claude, thinking.effort, losses)
    body |= _sampling(said, claude, thinks=thinking.thinks, losses=losses) | _tier(said, losses)
    if said.user is not None:
        body["metadata"] = {"user_id": said.user[:_USER_CHARACTERS_MAX]}
    _not_taken(said, losses)
    return replace(asked, body=msgspec.json.encode(body))


def _tools(said: Settings, claude: Claude, called: list[str], losses: Losses) -> dict[str, Any]:
    """Tools, and how they may be chosen. Those that were `called` are there also where none may be any more, since
    Anthropic wants every tool of a conversation defined."""
    only = said.choice.only
    tools = [_tool(tool, claude, losses) for tool in said.toolbox.tools if only is None or tool.name in only]
    if not tools and called:
        tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in called]
        return {"tools": tools, "tool_choice": {"type": "none"}}
    if not tools:
        return {}
    mode = said.choice.mode
    choice = {"type": "tool", "name": said.choice.name} if mode == "tool" else {"type": _MODES.get(mode, "auto")}
    if said.parallel is False and mode != "none":
        return {"tools": tools, "tool_choice": choice | {"disable_parallel_tool_use": True}}
    return {"tools": tools} if mode == "auto" else {"tools": tools, "tool_choice": choice}


def _tool(tool: Tool, claude: Claude, losses: Losses) -> dict[str, Any]:
    found: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters}
    if tool.description:
        found["description"] = tool.description
    if tool.strict and claude.formats:  # Others come close without.
        found["input_schema"], found["strict"] = strict_tool(tool.parameters, losses.note)
    return found


def _thinking(said: Settings, claude: Claude, conversation: Conversation, cap: int, losses: Losses) -> Thinking:
    """How much it is to think. Nothing is said of it where the caller says nothing."""
    if said.effort is None and said.summary is None:
        return Thinking()
    if said.effort not in EFFORTS:
        losses.drop("reasoning.effort", UNKNOWN)
        return Thinking()
    frame = Frame(cap, said.choice.mode in ("required", "tool"), conversation.unthinking)
    found = thinking_for(claude, said.effort, frame, summary=said.summary is not None)
    if not found.exact:
        losses.note("reasoning.effort" if said.effort else "reasoning.summary")
    return found


def _config(said: Settings, claude: Claude, effort: str | None, losses: Losses) -> dict[str, Any]:
    """The effort, and what the answer must look like."""
    config: dict[str, Any] = {} if effort is None else {"effort": effort}
    if said.format.kind == "json_schema":
        config |= _schema(said.format, claude, losses)
    elif said.format.kind != "text":
        losses.drop("text.format", "The provider of this model knows no JSON without a schema; send json_schema.")
    return {"output_config": config} if config else {}


def _schema(form: Format, claude: Claude, losses: Losses) -> dict[str, Any]:
    """What the answer must match. It is always kept to strictly, so it is closed where it does not say."""
    if not claude.formats:
        losses.drop("text.format", "This model cannot be held to a schema.")
        return {}
    if (kept := for_claude(form.schema)) is None:
        losses.drop("text.format.schema", OPEN)
        return {}
    if not kept.exact:
        losses.note("text.format.schema")
    described = {"description": form.description} if form.description else {}
    return {"format": {"type": "json_schema", "schema": described | kept.schema}}


def _sampling(said: Settings, claude: Claude, *, thinks: bool, losses: Losses) -> dict[str, Any]:
    """1 is what holds anyway, and so never a loss. Who thinks takes nothing else."""
    body: dict[str, Any] = {}
    for name, value in (("temperature", said.temperature), ("top_p", said.top_p)):
        if value is None or value == 1:
            continue
        if thinks or not claude.samples:
            losses.drop(name, "This model takes none, or none while it thinks.")
        elif value > _TEMPERATURE_MAX:
            losses.drop(name, "The provider of this model takes at most 1.")
        elif body and claude.samples_by_one:
            losses.drop(name, "This model takes temperature or top_p, not both.")
        else:
            body[name] = value
    return body


def _tier(said: Settings, losses: Losses) -> dict[str, Any]:
    if said.tier == "default":
        return {"service_tier": "standard_only"}
    if said.tier not in (None, "auto"):
        losses.drop("service_tier", "The provider of this model sells no such tier.")
    return {}


def _not_taken(said: Settings, losses: Losses) -> None:
    if said.verbosity is not None:
        losses.note("text.verbosity")
    if said.logprobs:
        losses.drop("top_logprobs", "The provider of this model tells no probabilities.")
