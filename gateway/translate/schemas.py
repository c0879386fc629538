"""JSON Schemas that answers and arguments are kept to, and what providers demand of them for that."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_STRICT = frozenset(
    {"type", "title", "description", "enum", "const", "properties", "required", "additionalProperties", "items"}
    | {"anyOf", "$ref", "$defs", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    | {"multipleOf", "pattern", "format"}
)
"""Words that OpenAI keeps to strictly: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas"""

_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
"""Of texts, by the same."""

OPEN = "Objects there hold only what they name: additionalProperties must be false."
"""Why a schema that `closed` does not take cannot be carried."""

_BY_NAME = frozenset({"properties", "$defs", "definitions"})
"""Words with a schema for each name."""

_PLAIN = frozenset({"items", "anyOf", "allOf", "oneOf", "prefixItems", "additionalProperties", "not"})
"""Words with a schema, or a list of them."""


def strictly(schema: Json) -> Json | None:
    """The schema with its objects closed, if OpenAI can keep to it to the letter; else None."""
    made = _closed(schema)
    return made if _is_object(made) and "anyOf" not in made and _strict(made) else None


def closed(schema: Json) -> Json | None:
    """The same, as Claude keeps to it, which takes no object that is not closed; None where one is meant to be open."""
    made: Json = _closed(schema)
    return None if _open(made) else made


def _closed(schema: Any) -> Any:
    """Objects that name what they hold, and say nothing of more, hold no more."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {word: _closed_in(word, value) for word, value in schema.items()}
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def _closed_in(word: str, value: Any) -> Any:
    if word in _BY_NAME and isinstance(value, dict):
        return {name: _closed(each) for name, each in value.items()}
    return _closed(value) if word in _PLAIN else value


def _open(schema: Any) -> bool:
    """Whether an object in it may hold what it does not name."""
    if isinstance(schema, list):
        return any(map(_open, schema))
    if not isinstance(schema, dict):
        return False
    if (_is_object(schema) or "additionalProperties" in schema) and schema.get("additionalProperties") is not False:
        return True
    named = [each for word in _BY_NAME if isinstance(schema.get(word), dict) for each in schema[word].values()]
    return any(map(_open, [*named, *(schema[word] for word in _PLAIN & schema.keys())]))


def _is_object(schema: Json) -> bool:
    kind = schema.get("type")
    return "properties" in schema or (isinstance(kind, str | list) and "object" in kind)


def _strict(schema: Any) -> bool:
    """Whether nothing in it is optional or unknown to OpenAI, which takes no words beside a reference."""
    if not isinstance(schema, dict) or not _STRICT.issuperset(schema) or schema.get("format", "date") not in _FORMATS:
        return False
    if "$ref" in schema:
        return len(schema) == 1
    properties, definitions = schema.get("properties", {}), schema.get("$defs", {})
    others, required = schema.get("anyOf", []), schema.get("required", [])
    if not (isinstance(properties, dict) and isinstance(definitions, dict)):
        return False
    if not (isinstance(others, list) and isinstance(required, list)):
        return False
    if _is_object(schema) and (
        schema.get("additionalProperties") is not False
        or not {name for name in required if isinstance(name, str)}.issuperset(properties)
    ):
        return False
    items = [schema["items"]] if "items" in schema else []
    return all(map(_strict, [*properties.values(), *definitions.values(), *others, *items]))
