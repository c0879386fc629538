"""The request: what is asked beside the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.request import Asked
from gateway.dialects.bedrock_converse import STREAM
from gateway.dialects.validate import convert
from gateway.translate.claude import Claude, claude_of
from gateway.translate.claude_effort import Frame
from gateway.translate.edge import Losses, Target
from gateway.translate.openai_chat_to_bedrock_converse.asked import Body, read
from gateway.translate.openai_chat_to_bedrock_converse.messages import Conversation
from gateway.translate.openai_chat_to_bedrock_converse.reasoning import thinking
from gateway.translate.openai_chat_to_bedrock_converse.tools import carry_tools
from gateway.translate.schemas import OPEN, ForClaude, for_claude

_NOTED = (
    "user",
    "metadata",
    "store",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
)
"""Hints: for statistics, for speed, and for the caching of another provider."""

_DROPPED: dict[str, tuple[Any, str]] = {
    "n": (1, "Converse gives one answer."),
    "seed": (None, "Converse takes no seed."),
    "logit_bias": ({}, "Converse does not weigh tokens."),
    "logprobs": (False, "Converse tells no probabilities."),
    "top_logprobs": (0, "Converse tells no probabilities."),
    "frequency_penalty": (0, "Converse has no such penalty."),
    "presence_penalty": (0, "Converse has no such penalty."),
    "modalities": (["text"], "Converse answers in text."),
    "audio": (None, "Converse answers in text."),
    "moderation": (None, "Converse knows no moderation of OpenAI's."),
    "verbosity": ("medium", "Converse knows no verbosity."),
    "web_search_options": (None, "Converse does not search the web."),
    "functions": ([], "They are deprecated: send tools."),
    "function_call": ("none", "It is deprecated: send tool_choice."),
    "reasoning": ({}, "Send reasoning_effort."),
}
"""What Converse has no words for: the value that asks for nothing, and why."""

_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority", "default": "default"}
_SAMPLING = {"temperature": "temperature", "top_p": "topP"}


class _Schema(msgspec.Struct):
    schema: dict[str, Any] | None = None
    name: str | None = None
    description: str | None = None


class _Format(msgspec.Struct):
    type: str = "text"
    json_schema: _Schema | None = None


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`."""
    body = read(asked, losses)
    _account(body, losses)
    claude = claude_of(target.model) if "anthropic." in target.model else None
    conversation = Conversation(target.model, losses)
    for at, message in enumerate(body.messages):
        conversation.add(message, f"messages[{at}]")
    made: dict[str, Any] = {"messages": conversation.turns, "system": conversation.system}
    tools = carry_tools(body, conversation, losses, claude=claude is not None)
    made["toolConfig"], own = tools.config, tools.own
    given = _cap(body, target)
    cap = target.output_tokens_max if given is None else given
    if body.reasoning_effort is not None:
        frame = Frame(cap, tools.forced, conversation.last_call_unexplained)
        own |= thinking(target.model, body.reasoning_effort, frame, losses)
    thinks = own.get("thinking", {}).get("type") not in (None, "disabled")
    if thinks and "budget_tokens" in own["thinking"]:
        given = cap  # The budget is a part of it.
    sampling, more = _sampling(body, target.model, claude, thinks=thinks, losses=losses)
    made |= {
        "inferenceConfig": ({} if given is None else {"maxTokens": given}) | sampling | _stops(body),
        "additionalModelRequestFields": own | more,
        "outputConfig": _output_config(body, claude, losses),
        "serviceTier": _tier(body.service_tier, losses),
    }
    told = {name: value for name, value in made.items() if value or name == "messages"}
    return Asked(msgspec.json.encode(told), model=target.model, verb=STREAM if body.stream else "converse")


def _account(body: Body, losses: Losses) -> None:
    """Note the hints, and drop what Converse has no words for."""
    for name in _NOTED:
        if getattr(body, name) not in (None, "", {}):
            losses.note(name)
    for name, (harmless, why) in _DROPPED.items():
        if getattr(body, name) not in (None, harmless):
            losses.drop(name, why)


def _cap(body: Body, target: Target) -> int | None:
    """The larger, where both names are given, as it is held for; no more than the model can make."""
    caps = [cap for cap in (body.max_tokens, body.max_completion_tokens) if cap is not None]
    return min(max(caps), target.output_tokens_max) if caps else None


def _stops(body: Body) -> dict[str, Any]:
    if not body.stop:
        return {}
    return {"stopSequences": [body.stop] if isinstance(body.stop, str) else body.stop}


def _sampling(
    body: Body, model: str, claude: Claude | None, *, thinks: bool, losses: Losses
) -> tuple[dict[str, Any], dict[str, Any]]:
    """How answers are drawn: what all models take, and what only this vendor's do. A 1 of Claude's is what is anyway:
    it is left out, because later models refuse all of these."""
    carried: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k"):
        value = getattr(body, name)
        if value is None or (claude is not None and name != "top_k" and value == 1):
            continue
        if (why := _why_not(name, value, model, claude, thinks=thinks, before=carried)) is not None:
            losses.drop(name, why)
        else:
            carried[name] = value
    top_k = carried.pop("top_k", None)
    own = {"top_k": top_k} if claude is not None else {"inferenceConfig": {"topK": top_k}}
    plain = {_SAMPLING[name]: value for name, value in carried.items()}
    return plain, {} if top_k is None else own


def _why_not(
    name: str, value: float, model: str, claude: Claude | None, *, thinks: bool, before: Mapping[str, Any]
) -> str | None:
    """Why the model does not take this, if so."""
    if claude is not None and not claude.samples:
        return "This model does not take it."
    if thinks:
        return "A model that thinks does not take it."
    if name == "top_k":
        return None if claude is not None or "amazon.nova" in model else "It cannot be said to this model."
    if value > 1:
        return "Converse takes none above 1."
    if claude is not None and claude.samples_by_one and "temperature" in before:
        return "This model takes temperature or top_p, not both."
    return None


def _output_config(body: Body, claude: Claude | None, losses: Losses) -> dict[str, Any]:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html : the schema is JSON in a string."""
    wanted = convert(body.response_format or {}, _Format)
    if wanted.type == "text":
        return {}
    if wanted.json_schema is None or wanted.json_schema.schema is None:
        losses.drop("response_format", "Converse wants a schema: send json_schema.")
        return {}
    if claude is not None and not claude.formats:
        losses.drop("response_format", "This model cannot be held to a schema.")
        return {}
    kept = ForClaude(wanted.json_schema.schema, exact=True) if claude is None else for_claude(wanted.json_schema.schema)
    if kept is None:
        losses.drop("response_format.json_schema.schema", OPEN)
        return {}
    if not kept.exact:
        losses.note("response_format.json_schema.schema")
    schema: dict[str, Any] = {"schema": msgspec.json.encode(kept.schema).decode()}
    for name in ("name", "description"):
        if value := getattr(wanted.json_schema, name):
            schema[name] = value
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _tier(tier: str | None, losses: Losses) -> dict[str, str]:
    if tier in (None, "auto", "default"):
        return {}
    if tier not in _TIERS:
        losses.drop("service_tier", "Bedrock has no such tier.")
        return {}
    return {"type": _TIERS[tier]}
