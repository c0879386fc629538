"""Google's schemas as standard JSON Schema: https://ai.google.dev/api/caching#Schema."""

from __future__ import annotations

from typing import Any

from gateway.translate.fields import Fields

Json = dict[str, Any]

_WORDS = ("title", "description", "pattern")
_NUMBERS = ("minimum", "maximum")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_OF_NUMBERS = frozenset({"enum", "int32", "int64", "float", "double"})
"""Formats that say nothing beside the type."""

_UNTOLD = "type_unspecified"
_REF, _DEFS = "#/defs/", "#/$defs/"


def json_schema(given: Fields) -> Json:
    """The same as every other provider reads it."""
    made = _plain(given)
    inner = given.object("items")
    if inner is not None:
        made["items"] = json_schema(inner)
    if properties := _named(given, "properties"):
        first = [name for name in given.items("propertyOrdering") if isinstance(name, str) and name in properties]
        made["properties"] = {name: properties[name] for name in dict.fromkeys([*first, *properties])}
    else:
        given.any("propertyOrdering")
    if definitions := _named(given, "defs"):
        made["$defs"] = definitions
    if others := [json_schema(other) for other in given.each("anyOf")]:
        made["anyOf"] = others
    beyond = given.any("additionalProperties")
    if beyond is not None:
        opened = isinstance(beyond, dict)
        made["additionalProperties"] = json_schema(given.opened(beyond, "additionalProperties")) if opened else beyond
    return _nullable(made) if given.flag("nullable") else made


def _plain(given: Fields) -> Json:
    """All of it that is no schema itself."""
    made: Json = {}
    if (kind := (given.text("type") or _UNTOLD).lower()) != _UNTOLD:
        made["type"] = kind
    if (form := given.text("format")) is not None and form not in _OF_NUMBERS:
        made["format"] = form
    found: Json = {name: given.text(name) for name in _WORDS}
    found |= {name: given.number(name) for name in _NUMBERS} | {name: given.whole(name) for name in _COUNTS}
    found |= {"enum": given.items("enum") or None, "required": given.items("required") or None}
    found["default"] = given.any("default")
    if (example := given.any("example")) is not None:
        found["examples"] = [example]
    if (ref := given.text("ref")) is not None:
        found["$ref"] = ref.replace(_REF, _DEFS)
    return made | {name: value for name, value in found.items() if value is not None}


def _named(given: Fields, name: str) -> Json:
    return {key: json_schema(given.opened(each, f"{name}.{key}")) for key, each in given.mapping(name).items()}


def _nullable(made: Json) -> Json:
    if "type" in made:
        made["type"] = [made["type"], "null"]
    if "anyOf" in made:
        made["anyOf"].append({"type": "null"})
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    return made
