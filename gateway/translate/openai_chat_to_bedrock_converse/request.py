"""The request: what is asked beside the conversation."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.request import Asked
from gateway.dialects.bedrock_converse import STREAM
from gateway.dialects.validate import convert
from gateway.translate.edge import Losses, Target
from gateway.translate.openai_chat_to_bedrock_converse.asked import Body, read
from gateway.translate.openai_chat_to_bedrock_converse.messages import Conversation
from gateway.translate.openai_chat_to_bedrock_converse.reasoning import thinking
from gateway.translate.openai_chat_to_bedrock_converse.tools import carry_tools, chosen, tool_config

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
TEMPERATURE_MAX = 1


class _Schema(msgspec.Struct):
    schema: dict[str, Any] | None = None
    name: str | None = None
    description: str | None = None


class _Format(msgspec.Struct):
    type: str = "text"
    json_schema: _Schema | None = None


def carry_request(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`."""
    body = read(asked, losses)
    _account(body, losses)
    conversation = Conversation(target.model, losses)
    for at, message in enumerate(body.messages):
        conversation.add(message, f"messages[{at}]")
    inference, more = _inference(body, losses), _own_fields(body, target, losses)
    if "thinking" in more and "maxTokens" not in inference and "budget_tokens" in more["thinking"]:
        inference["maxTokens"] = target.output_tokens_max  # The budget is a part of it.
    made: dict[str, Any] = {"messages": conversation.turns}
    choice = chosen(body, losses)
    if tools := carry_tools(body, choice, conversation, losses):
        parallel = body.parallel_tool_calls is not False
        made["toolConfig"], own = tool_config(
            tools, choice, parallel=parallel, claude="anthropic." in target.model, losses=losses
        )
        more |= own
    made |= {
        "system": conversation.system,
        "inferenceConfig": inference,
        "additionalModelRequestFields": more,
        "outputConfig": _output_config(body, losses),
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


def _cap(body: Body) -> int | None:
    """The larger, where both names are given, as it was held for."""
    return max((cap for cap in (body.max_tokens, body.max_completion_tokens) if cap is not None), default=None)


def _inference(body: Body, losses: Losses) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if (cap := _cap(body)) is not None:
        config["maxTokens"] = cap
    if body.temperature is not None:
        if body.temperature > TEMPERATURE_MAX:
            losses.drop("temperature", f"Converse takes none above {TEMPERATURE_MAX}.")
        else:
            config["temperature"] = body.temperature
    if body.top_p is not None:
        config["topP"] = body.top_p
    if body.stop:
        config["stopSequences"] = [body.stop] if isinstance(body.stop, str) else body.stop
    return config


def _own_fields(body: Body, target: Target, losses: Losses) -> dict[str, Any]:
    """What Converse hands on to the vendor's model as it is."""
    more: dict[str, Any] = {}
    if body.reasoning_effort is not None:
        cap = _cap(body)
        more |= thinking(target.model, body.reasoning_effort, target.output_tokens_max if cap is None else cap, losses)
    if body.top_k is not None:
        if "anthropic." in target.model:
            more["top_k"] = body.top_k
        elif "amazon.nova" in target.model:
            more["inferenceConfig"] = {"topK": body.top_k}
        else:
            losses.drop("top_k", "It cannot be said to this model.")
    return more


def _output_config(body: Body, losses: Losses) -> dict[str, Any]:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html : the schema is JSON in a string."""
    wanted = convert(body.response_format or {}, _Format)
    if wanted.type == "text":
        return {}
    if wanted.json_schema is None or wanted.json_schema.schema is None:
        losses.drop("response_format", "Converse wants a schema: send json_schema.")
        return {}
    schema: dict[str, Any] = {"schema": msgspec.json.encode(wanted.json_schema.schema).decode()}
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
