"""Functions that may be called, and which have to be: https://ai.google.dev/gemini-api/docs/function-calling."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields
from gateway.translate.gemini_to_openai_chat.caller import fitting
from gateway.translate.gemini_to_openai_chat.schema import json_schema

Json = dict[str, Any]

_AT_GOOGLE = (
    "googleSearch",
    "googleSearchRetrieval",
    "googleMaps",
    "codeExecution",
    "urlContext",
    "computerUse",
    "fileSearch",
    "enterpriseWebSearch",
    "parallelAiSearch",
    "exaAiSearch",
    "retrieval",
    "mcpServers",
)
"""Tools that run at the provider."""

_MODES = {"MODE_UNSPECIFIED": {}, "AUTO": {}, "VALIDATED": {}, "ANY": {"tool_choice": "required"}} | {
    "NONE": {"tool_choice": "none"}
}


def tools(body: Fields) -> Json:
    """`tools` and `tool_choice`; nothing where no function is declared."""
    declared: dict[str, Json] = {}
    for tool in body.each("tools"):
        for function in tool.each("functionDeclarations"):
            made = _function(function)
            declared[made["name"]] = made
        for name in _AT_GOOGLE:
            tool.drop(name, "Such a tool runs at Google.")
    chosen, allowed = _choice(body, declared)
    offered = [{"type": "function", "function": made} for name, made in declared.items() if name in allowed]
    return {"tools": offered} | chosen if offered else {}


def _function(given: Fields) -> Json:
    made: Json = {"name": fitting(given.needed("name"))}
    if (about := given.text("description")) is not None:
        made["description"] = about
    described = given.object("parameters")
    schema = given.mapping("parametersJsonSchema") if described is None else json_schema(described)
    made["parameters"] = {"type": "object", "properties": {}} | schema
    for name in ("response", "responseJsonSchema"):
        given.note_once(name, f"tools.functionDeclarations.{name}")
    given.drop("behavior", "A chat waits for every function.", unless=("BLOCKING", "UNSPECIFIED"))
    return made


def _choice(body: Fields, declared: dict[str, Json]) -> tuple[Json, set[str]]:
    """What says whether a function has to be called, and the names of those that may be: the others are not shown."""
    config = body.object("toolConfig")
    calling = None if config is None else config.object("functionCallingConfig")
    if config is not None:
        config.note("retrievalConfig", "includeServerSideToolInvocations")
    if calling is None:
        return {}, set(declared)
    mode = (calling.text("mode") or "AUTO").upper()
    if mode not in _MODES:
        raise BadRequest(f"{calling.at('mode')} must be AUTO, ANY, NONE or VALIDATED", calling.at("mode"))
    if mode == "VALIDATED":
        calling.hint("mode")  # The model is told the schema, and not everybody makes it keep to it.
    calling.note("streamFunctionCallArguments")
    named = [fitting(str(name)) for name in calling.items("allowedFunctionNames")]
    if not declared.keys() >= set(named):
        field = calling.at("allowedFunctionNames")
        raise BadRequest(f"{field} names a function that is not declared", field)
    return _MODES[mode], set(named or declared)
