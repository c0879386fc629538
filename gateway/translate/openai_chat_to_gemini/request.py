"""A chat completion asked of Gemini.

Fields of the caller's: openai-python 3.54, `chat.completion_create_params`. Gemini's:
https://ai.google.dev/api/generate-content#v1beta.GenerationConfig.
"""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.gemini import CANDIDATES_MAX
from gateway.translate.edge import Losses, Target
from gateway.translate.fields import NO_SETTING, Fields
from gateway.translate.gemini import call, models
from gateway.translate.openai_chat_to_gemini.messages import conversation
from gateway.translate.openai_chat_to_gemini.tools import tools

Json = dict[str, Any]

_HINTS = (
    "metadata",
    "store",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "prediction",
    "cache_control",
)
"""Labels, and what makes an answer cheaper or faster and not another one."""

_NOT_THERE: dict[str, tuple[Any, ...]] = {  # By what each may say and change nothing.
    "functions": ([],),
    "function_call": ("none", "auto"),
    "audio": (),
    "logit_bias": ({},),
    "verbosity": ("medium",),
    "web_search_options": (),
    "moderation": (),
}
_TIERS = {"auto": None, "default": None, "flex": "flex", "priority": "priority", "fast": "priority"}
SEED_MAX = 2**31 - 1


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """The call for Gemini. Raises BadRequest, naming the field."""
    body = Fields.of_body(asked.body, losses)
    stream = bool(body.flag("stream"))
    body.any("model")
    made = conversation(body, target.model) | tools(body) | _generation(body, target)
    if tier := _tier(body):
        made["serviceTier"] = tier
    for name, neutral in _NOT_THERE.items():
        body.drop(name, NO_SETTING, unless=neutral)
    body.note(*_HINTS)
    if options := body.object("stream_options"):  # The journey looks after what it says.
        for name in ("include_usage", "include_obfuscation"):
            options.any(name)
    body.end()
    return call.asked(made, target.model, stream=stream)


def _generation(body: Fields, target: Target) -> Json:
    """How to answer."""
    return call.settings(
        {
            "maxOutputTokens": call.cap(body, ("max_tokens", "max_completion_tokens"), target),
            "temperature": body.number("temperature"),
            "topP": body.number("top_p"),
            "topK": body.whole("top_k"),
            "frequencyPenalty": body.number("frequency_penalty"),
            "presencePenalty": body.number("presence_penalty"),
            "stopSequences": call.stops(body, "stop"),
            "candidateCount": _within(body, "n", CANDIDATES_MAX, f"It gives {CANDIDATES_MAX} answers at most."),
            "seed": _within(body, "seed", SEED_MAX, "Seeds have 32 bits there."),
            "responseLogprobs": body.flag("logprobs") or None,
            "logprobs": body.whole("top_logprobs") or None,
            "responseModalities": _modalities(body),
            "thinkingConfig": _thinking(body, target.model),
            **_format(body),
        }
    )


def _within(body: Fields, name: str, most: int, why: str) -> int | None:
    value = body.whole(name)
    if value is None or -most <= value <= most:
        return value
    body.lose(name, why)
    return None


def _modalities(body: Fields) -> list[str] | None:
    """Text is what there is anyway. Pictures are asked for as OpenRouter writes it."""
    asked = call.texts(body, "modalities")
    if asked in ([], ["text"]):
        return None
    if not {"text", "image"}.issuperset(asked):
        body.lose("modalities", "Only text and pictures come back from there.")
        return None
    return [word.upper() for word in asked]


def _thinking(body: Fields, model: str) -> Json | None:
    effort = body.text("reasoning_effort")
    if effort is None:
        return None
    if effort not in models.EFFORTS:
        field = "reasoning_effort"
        raise BadRequest(f"{field} must be one of {', '.join(models.EFFORTS)}", field)
    if not models.thinks(model):
        if effort != "none":
            body.lose("reasoning_effort", "This model does not think before it answers.")
        return None
    thinking = models.by_effort(model, effort)
    if not thinking.exact:
        body.hint("reasoning_effort")
    return thinking.config | ({} if effort == "none" else {"includeThoughts": True})


def _format(body: Fields) -> Json:
    """Structured output. Gemini always keeps to a schema, and has no use for its name, which OpenAI demands."""
    asked = body.object("response_format")
    if asked is None:
        return {}
    kind = asked.needed("type")
    if kind == "text":
        return {}
    if kind == "json_object":
        return call.in_json({})
    if kind != "json_schema":
        asked.drop_all("Only text, json_object and json_schema are known there.", "type")
        return {}
    described = asked.inner("json_schema")
    for name in ("name", "strict"):
        described.any(name)
    schema, about = described.mapping("schema"), described.text("description")
    return call.in_json(({"description": about} if about else {}) | schema)


def _tier(body: Fields) -> str | None:
    tier = body.text("service_tier") or "auto"
    if tier not in _TIERS:
        body.lose("service_tier", f"Its tiers are {', '.join(_TIERS)}.")
    return _TIERS.get(tier)
