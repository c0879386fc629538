"""A call of Gemini's as a chat completion's.

Fields of the caller's: google-genai 3.4, `types`, and
https://ai.google.dev/api/generate-content#v1beta.GenerationConfig.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.base import Quirk
from gateway.dialects.gemini import STREAMS
from gateway.translate import chat_effort
from gateway.translate.edge import Losses, Target
from gateway.translate.fields import Fields
from gateway.translate.gemini_to_openai_chat.schema import json_schema
from gateway.translate.gemini_to_openai_chat.spelt import Spelt
from gateway.translate.gemini_to_openai_chat.tools import tools
from gateway.translate.gemini_to_openai_chat.turns import messages
from gateway.translate.schemas import strictly

Json = dict[str, Any]

_HINTS = ("safetySettings", "labels", "store", "modelArmorConfig")
_NO_SETTING = "A chat has no such setting."
_NOT_THERE: dict[str, tuple[Any, ...]] = {  # By what each may say and change nothing.
    "topK": (),
    "speechConfig": (),
    "imageConfig": (),
    "audioTimestamp": (False,),
    "routingConfig": (),
    "modelSelectionConfig": (),
    "modelConfig": (),
    "enableAffectiveDialog": (False,),
    "translationConfig": (),
    "audioTranscriptionConfig": (),
    "responseFormat": (),
    "continuationToken": (),
}
_LEVELS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "THINKING_LEVEL_UNSPECIFIED": None}
_BUDGETS = ((1024, "low"), (8192, "medium"))
"""The most tokens that Google's own compatible endpoint takes an effort for: https://ai.google.dev/gemini-api/docs/openai"""

STOPS_MAX = 4
"""Texts to stop at that OpenAI takes. Google takes five."""


def translated(asked: Asked, target: Target, losses: Losses) -> Asked:
    """See `Edge.request`."""
    body = Spelt.of_body(asked.body, losses)
    body.any("model")
    made: Json = {"model": target.model} | ({"stream": True} if asked.verb == STREAMS else {})
    said, offered = messages(body, target.model), tools(body)
    config = body.object("generationConfig")
    if config is None:
        config = body.opened({}, "generationConfig")
    own = Quirk.CAPS_COMPLETION_TOKENS in target.quirks
    made |= offered | _plainly(config, target, own=own) | _format(config) | _thinking(config, target, bool(offered))
    made |= _tier(body, asked.tier, own=own)
    for name, neutral in _NOT_THERE.items():
        config.drop(name, _NO_SETTING, unless=neutral)
    config.note("mediaResolution", "enableEnhancedCivicAnswers")
    body.drop("cachedContent", "It lies at Google.")
    body.note(*_HINTS)
    body.end()
    return Asked(msgspec.json.encode(made | {"messages": said}))


def _plainly(config: Fields, target: Target, *, own: bool) -> Json:
    """What is there under the same or another name. A temperature or top_p of 1 is what is anyway: it is left out,
    because models that reason refuse both. `own`: it goes to OpenAI itself."""
    cap, choices = config.whole("maxOutputTokens"), config.whole("candidateCount")
    modalities = [str(word).upper() for word in config.items("responseModalities")]
    if not {"TEXT", "MODALITY_UNSPECIFIED"}.issuperset(modalities):
        config.lose("responseModalities", "Only text comes back from there.")
    temperature, top_p = config.number("temperature"), config.number("topP")
    given = {
        "max_completion_tokens" if own else "max_tokens": min(cap, target.output_tokens_max) if cap else None,
        "n": choices if choices and choices > 1 else None,
        "temperature": None if temperature == 1 else temperature,
        "top_p": None if top_p == 1 else top_p,
        "frequency_penalty": config.number("frequencyPenalty"),
        "presence_penalty": config.number("presencePenalty"),
        "seed": config.whole("seed"),
        "logprobs": config.flag("responseLogprobs") or None,
        "top_logprobs": config.whole("logprobs") or None,
        "stop": _stops(config),
    }
    return {name: value for name, value in given.items() if value is not None}


def _stops(config: Fields) -> list[Any] | None:
    stops = config.items("stopSequences")
    if len(stops) > STOPS_MAX:
        config.lose("stopSequences", f"A chat takes {STOPS_MAX} of them at most.")
        return None
    return stops or None


def _format(config: Fields) -> Json:
    """JSON for an answer, by a schema if there is one, which is kept to strictly where OpenAI can."""
    mime = config.text("responseMimeType") or "text/plain"
    described = config.object("responseSchema")
    name = "responseJsonSchema" if described is None else "responseSchema"
    schema = config.mapping(name) if described is None else json_schema(described)
    if mime not in ("text/plain", "application/json"):
        config.lose("responseMimeType", "A chat answers in text or JSON.")
        return {}
    if not schema:
        return {} if mime == "text/plain" else {"response_format": {"type": "json_object"}}
    if schema.get("type") != "object":
        config.lose(name, "A chat's answer in JSON is an object.")
        return {}
    strict = strictly(schema)
    if strict is None:
        config.hint(name)  # The model is told, and not everybody makes it keep to it.
    told = {"name": "answer", "schema": strict or schema, "strict": strict is not None}
    return {"response_format": {"type": "json_schema", "json_schema": told}}


def _thinking(config: Fields, target: Target, offers: bool) -> Json:
    """How much to think, told to models that are known to take it, and a hint for all others. `offers`: there are
    tools."""
    thinking, wanted, name = config.object("thinkingConfig"), None, ""
    if thinking is not None:
        thinking.flag("includeThoughts")  # A provider shows what it shows.
        wanted, name = _wanted(thinking)
    known = chat_effort.told("low" if wanted == "minimal" else wanted, target, tools=offers)
    if thinking is not None and known != wanted and (wanted, known) != ("none", None):
        thinking.hint(name)
    return {} if known is None else {"reasoning_effort": known}


def _wanted(thinking: Fields) -> tuple[str | None, str]:
    """The level, and what said so. None leaves it to the model, as a negative budget does."""
    level, budget = thinking.text("thinkingLevel"), thinking.whole("thinkingBudget")
    if level is not None:
        if level.upper() not in _LEVELS:
            field = thinking.at("thinkingLevel")
            raise BadRequest(f"{field} must be MINIMAL, LOW, MEDIUM or HIGH", field)
        return _LEVELS[level.upper()], "thinkingLevel"
    if budget is None or budget < 0:
        return None, "thinkingBudget"
    if budget == 0:
        return "none", "thinkingBudget"
    return next((level for most, level in _BUDGETS if budget <= most), "high"), "thinkingBudget"


def _tier(body: Fields, by_header: str, *, own: bool) -> Json:
    """OpenAI's own tiers have the names of Google's. A header can ask for one, too."""
    tier = (body.text("serviceTier") or by_header or "").lower().removeprefix("service_tier_")
    if tier in ("", "unspecified"):
        return {}
    if tier == "standard":
        return {"service_tier": "default"} if own else {}
    if own and tier in ("flex", "priority"):
        return {"service_tier": tier}
    body.lose("serviceTier", "This provider has no such tier.")
    return {}
