"""JSON Schemas that answers and arguments are kept to, and what providers demand of them for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

Json = dict[str, Any]

_STRICT = frozenset(
    {"type", "title", "description", "enum", "const", "properties", "required", "additionalProperties", "items"}
    | {"anyOf", "$ref", "$defs", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    | {"multipleOf", "pattern", "format"}
)
"""Words that OpenAI keeps to strictly: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas"""

_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
"""Of texts, by the same."""

_UNKEPT = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
    | {"maxItems", "uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties"}
)
"""Words that Claude refuses to keep to: https://platform.claude.com/docs/en/build-with-claude/structured-outputs ."""

_CLAUDE_FORMATS = (*_FORMATS, "uri")

OPEN = "Objects there hold only what they name: additionalProperties must be false."
"""Why a schema that `for_claude` does not take cannot be carried."""

_BY_NAME = frozenset({"properties", "$defs", "definitions"})
"""Words with a schema for each name."""

_PLAIN = frozenset({"items", "anyOf", "allOf", "oneOf", "prefixItems", "additionalProperties", "not"})
"""Words with a schema, or a list of them."""


def strictly(schema: Json) -> Json | None:
    """The schema with its objects closed, if OpenAI can keep to it to the letter; else None."""
    made = _closed(schema)
    return made if _is_object(made) and "anyOf" not in made and _strict(made) else None


class ForClaude(NamedTuple):
    """A schema that Claude takes."""

    schema: Json
    exact: bool  # It keeps to all of it. Else what it does not is in descriptions.


def for_claude(schema: Json) -> ForClaude | None:
    """The same, as Claude keeps to it, which takes no object that is not closed; None where one is meant to be open.
    Bounds it does not keep to, and refuses, are told in the descriptions, as Anthropic's own clients do."""
    made: Json = _closed(schema)
    if _open(made):
        return None
    told = _told(made)
    return ForClaude(told, exact=told == made)


def strict_tool(schema: Json, leave: Callable[[str], None]) -> tuple[Json, bool]:
    """What a tool takes, as Claude keeps to it strictly, and whether it can. `leave` hears of what it does not."""
    kept = for_claude(schema)
    if kept is None or not kept.exact:
        leave("tools.strict")
    return (schema, False) if kept is None else (kept.schema, True)


def _closed(schema: Any) -> Any:
    """Objects that name what they hold, and say nothing of more, hold no more."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {word: _within(_closed, word, value) for word, value in schema.items()}
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def _told(schema: Any) -> Any:
    """With what Claude does not keep to in words."""
    if isinstance(schema, list):
        return [_told(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = {word: value for word, value in schema.items() if _unkept(word, value)}
    made = {word: _within(_told, word, value) for word, value in schema.items() if word not in bounds}
    if bounds:
        about, told = schema.get("description"), msgspec.json.encode(bounds).decode()
        made["description"] = f"{about} {told}" if about else told
    return made


def _unkept(word: str, value: Any) -> bool:
    if word == "format":
        return value not in _CLAUDE_FORMATS
    return word in _UNKEPT or (word == "minItems" and value not in (0, 1))


def _within(change: Callable[[Any], Any], word: str, value: Any) -> Any:
    """The value of a word, with the schemas in it changed."""
    if word in _BY_NAME and isinstance(value, dict):
        return {name: change(each) for name, each in value.items()}
    return change(value) if word in _PLAIN else value


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
