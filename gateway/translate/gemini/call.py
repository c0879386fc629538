"""What surrounds the contents of a request to Gemini: https://ai.google.dev/api/generate-content."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.gemini import STREAMS
from gateway.translate.edge import Target
from gateway.translate.fields import Fields

Json = dict[str, Any]

STOPS_MAX = 5  # Google's own limit.


def asked(body: Json, model: str, *, stream: bool) -> Asked:
    """The call as Google's clients make it."""
    encoded = msgspec.json.encode(body)
    if stream:
        return Asked(encoded, model=model, verb=STREAMS, query="alt=sse")
    return Asked(encoded, model=model, verb="generateContent")


def cap(body: Fields, names: tuple[str, ...], target: Target) -> int | None:
    """The largest cap of those given, as it is held for, and no more than the model can do: Vertex AI refuses that.
    Nought would be none at Gemini."""
    given = [(value, name) for name in names if (value := body.whole(name)) is not None]
    for value, name in given:
        if value < 1:
            raise BadRequest(f"{name} must be at least 1", name)
    return min(max(given)[0], target.output_tokens_max) if given else None


def texts(body: Fields, name: str) -> list[str]:
    """A string, or several; none where nothing is given."""
    given = body.any(name)
    listed = [given] if isinstance(given, str) else given or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise BadRequest(f"{body.at(name)} must be a string or an array of strings", body.at(name))
    return listed


def stops(body: Fields, name: str) -> list[str] | None:
    """The texts that end an answer."""
    given = texts(body, name)
    if len(given) > STOPS_MAX:
        body.lose(name, f"It takes {STOPS_MAX} of them at most.")
        return None
    return given or None


def conversation(body: Fields, contents: list[Json], instruction: list[Json], last: str) -> Json:
    """`contents`, and `systemInstruction` where there is one. `last`: the place of the caller's last message."""
    if contents and contents[-1]["role"] == "model":
        body.lose(last, "It does not go on with a turn of its own.")
        contents = contents[:-1]
    if not contents:
        raise BadRequest("messages must hold something that is said to the model", "messages")
    made: Json = {"contents": contents}
    return made | ({"systemInstruction": {"parts": instruction}} if instruction else {})


def functions(declared: list[Json], config: Json | None) -> Json:
    """`tools` and `toolConfig`; nothing where no function may be called."""
    if not declared:
        return {}
    return {"tools": [{"functionDeclarations": declared}]} | ({} if config is None else {"toolConfig": config})


def declaration(name: str, description: str | None, schema: Json) -> Json:
    """A function that may be called. `schema`: standard JSON Schema; an empty one says that there are no parameters.

    https://ai.google.dev/gemini-api/docs/function-calling. `$schema` only says which JSON Schema it is.
    """
    declared: Json = {"name": name}
    if description is not None:
        declared["description"] = description
    if schema:
        declared["parametersJsonSchema"] = _plain(schema)
    return declared


def tool_config(mode: str, names: list[str] | None = None) -> Json:
    """Whether and which functions have to be called. Names go with ANY and VALIDATED alone."""
    chosen: Json = {"mode": mode}
    if names is not None:
        chosen["allowedFunctionNames"] = names
    return {"functionCallingConfig": chosen}


def in_json(schema: Json) -> Json:
    """Settings for an answer in JSON, of any schema if there is none:
    https://ai.google.dev/gemini-api/docs/structured-output."""
    kept = {"responseJsonSchema": _plain(schema)} if schema else {}
    return {"responseMimeType": "application/json"} | kept


def settings(given: Json) -> Json:
    """`generationConfig`, as far as anything is asked for."""
    config = {name: value for name, value in given.items() if value is not None}
    return {"generationConfig": config} if config else {}


def _plain(schema: Json) -> Json:
    return {name: value for name, value in schema.items() if name != "$schema"}
