"""A message asked of Gemini.

Fields of the caller's: anthropic-sdk-python 2.12, `message_create_params`, those in beta as well. Gemini's:
https://ai.google.dev/api/generate-content#v1beta.GenerationConfig.
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.anthropic_usage import NOWHERE_SPECIAL
from gateway.translate.anthropic_messages_to_gemini.messages import conversation
from gateway.translate.anthropic_messages_to_gemini.thinking import thinking
from gateway.translate.anthropic_messages_to_gemini.tools import tools
from gateway.translate.edge import Losses, Target
from gateway.translate.fields import Fields
from gateway.translate.gemini import call

Json = dict[str, Any]

_HINTS = ("metadata", "cache_control", "diagnostics", "user_profile_id", "workspace_id")
_NOT_THERE: dict[str, tuple[Any, ...]] = {  # By what each may say and change nothing.
    "service_tier": ("auto", "standard_only"),
    "speed": ("standard",),
    "inference_geo": tuple(NOWHERE_SPECIAL),
    "container": (),
    "mcp_servers": ([],),
    "compaction": (),
    "fallbacks": ([],),
}
_CLEARING = ("clear_thinking_", "clear_tool_uses_")
"""How the edits of a context begin that only take away from what the model sees:
https://platform.claude.com/docs/en/build-with-claude/context-editing"""


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """The call for Gemini. Raises BadRequest, naming the field."""
    body = Fields.of_body(asked.body, losses)
    stream = bool(body.flag("stream"))
    body.any("model")
    made = conversation(body, target.model) | tools(body) | _generation(body, target)
    _leave_out(body)
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


def _leave_out(body: Fields) -> None:
    """Hints are noted. Edits of the context that only clear are hints: without them the model sees all that was
    sent. One that sums up makes another answer."""
    body.note(*_HINTS)
    for name, neutral in _NOT_THERE.items():
        body.drop(name, "There is no such setting there.", unless=neutral)
    if (context := body.object("context_management")) is None:
        return
    for edit in context.each("edits"):
        if edit.needed("type").startswith(_CLEARING):
            edit.skip()
            body.hint("context_management")
        else:
            edit.drop_all("Nobody sums up a context there.", "type")
