"""A message asked of Gemini.

Fields of the caller's: anthropic-sdk-python 2.12, `message_create_params`, those in beta as well. Gemini's:
https://ai.google.dev/api/generate-content#v1beta.GenerationConfig.
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.translate.anthropic_messages_to_gemini.messages import conversation
from gateway.translate.anthropic_messages_to_gemini.thinking import thinking
from gateway.translate.anthropic_messages_to_gemini.tools import tools
from gateway.translate.edge import Losses, Target
from gateway.translate.fields import NO_SETTING, Fields
from gateway.translate.gemini import call
from gateway.translate.messages_asked import leave_out

Json = dict[str, Any]


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """The call for Gemini. Raises BadRequest, naming the field."""
    body = Fields.of_body(asked.body, losses)
    stream = bool(body.flag("stream"))
    body.any("model")
    made = conversation(body, target.model) | tools(body) | _generation(body, target)
    body.note("metadata")
    body.drop("service_tier", NO_SETTING, unless=("auto", "standard_only"))
    leave_out(body)
    if asked.betas:
        losses.note("anthropic-beta")
    body.end()
    return call.asked(made, target.model, stream=stream)


def _generation(body: Fields, target: Target) -> Json:
    """How to answer."""
    config = body.object("output_config")
    effort = None if config is None else config.text("effort")
    if config is not None:
        config.note("task_budget")
    return call.settings(
        {
            "maxOutputTokens": call.cap(body, ("max_tokens",), target),
            "temperature": body.number("temperature"),
            "topP": body.number("top_p"),
            "topK": body.whole("top_k"),
            "stopSequences": call.stops(body, "stop_sequences"),
            "thinkingConfig": thinking(body, effort, target.model),
            **_format(body, config),
        }
    )


def _format(body: Fields, config: Fields | None) -> Json:
    """Structured output, by its name of today or that of its beta."""
    asked = (None if config is None else config.object("format")) or body.object("output_format")
    if asked is None:
        return {}
    if asked.needed("type") != "json_schema" or "schema" not in asked:
        raise BadRequest(f"{asked.at('type')} must be json_schema, with a schema", asked.at("type"))
    return call.in_json(asked.mapping("schema"))
