"""JSON Schemas that answers and arguments are kept to, and what providers demand of them for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

Json = dict[str, Any]

_STRICT = frozenset(
    {"type", "title", "description", "enum", "const", "properties", "required", "additionalProperties", "items"}
    | {"anyOf", "$ref", "$defs", "definitions", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum"}
    | {"exclusiveMaximum", "multipleOf", "pattern", "format"}
)
"""Words that OpenAI keeps to strictly: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas"""

_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
"""Of texts, by the same."""

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
"""Of values, as schemas call them."""

_KEPT = frozenset(
    {"type", "title", "description", "enum", "const", "default", "properties", "required", "additionalProperties"}
    | {"items", "minItems", "anyOf", "allOf", "$ref", "$defs", "definitions", "pattern", "format"}
)
"""Words that Claude keeps to; it refuses others: https://platform.claude.com/docs/en/build-with-claude/structured-outputs"""

_CLAUDE_FORMATS = (*_FORMATS, "uri")

OPEN = "Objects there hold only what they name: additionalProperties must be false, and nothing joins them."
"""Why a schema that `for_claude` does not take cannot be carried."""

_BY_NAME = frozenset({"properties", "$defs", "definitions"})
"""Words with a schema for each name."""

_PLAIN = frozenset({"items", "anyOf", "allOf", "oneOf", "additionalProperties"})
"""Words with a schema, or a list of them, as far as anybody here keeps to them."""

_ABOUT = frozenset({"title", "description"})

_COMPOSED = frozenset({"$ref", "anyOf", "oneOf", "allOf"})
"""Words by which a schema may be that of an object without saying so."""


def strictly(schema: Json) -> Json | None:
    """The schema with its objects closed, if OpenAI can keep to it to the letter; else None."""
    made = _typed(_closed(schema))
    return made if _is_object(made) and _strict(made) else None


def _typed(schema: Json) -> Json:
    """Each says its type, which OpenAI demands also where the values that are allowed tell it."""
    made = _inside(_typed, schema)
    if "type" not in made and ("const" in made or "enum" in made):
        values = [made["const"]] if "const" in made else made["enum"]
        types = dict.fromkeys(_TYPES.get(type(value)) for value in values) if isinstance(values, list) else {}
        if types and None not in types:
            made["type"] = next(iter(types)) if len(types) == 1 else [*types]
    return made


class ForClaude(NamedTuple):
    """A schema that Claude takes."""

    schema: Json
    exact: bool  # It keeps to all of it. Else what it does not is in descriptions.


def for_claude(schema: Json) -> ForClaude | None:
    """The same, as Claude keeps to it, which takes no object that is not closed; None where one is meant to be open.
    What it does not keep to, and refuses, is told in the descriptions, as Anthropic's own clients do."""
    made = _closed(schema)
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


def _closed(schema: Json) -> Json:
    """Objects that name what they hold, and say nothing of more, hold no more. The draft that a schema is written by
    says nothing to a provider."""
    made = _inside(_closed, _merged(schema))
    made.pop("$schema", None)
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def _merged(schema: Json) -> Json:
    """What stands alone in an `allOf`, as older clients write it around a reference, is no other schema than this. What
    stands around it says more of it."""
    joined = schema.get("allOf")
    if not (isinstance(joined, list) and len(joined) == 1 and isinstance(joined[0], dict)):
        return schema
    rest, inner = {word: value for word, value in schema.items() if word != "allOf"}, _merged(joined[0])
    return schema if (rest.keys() & inner.keys()) - _ABOUT else inner | rest


def _told(schema: Json) -> Json:
    """With what Claude does not keep to in words. One of several is for it any of them."""
    if "anyOf" not in schema:
        schema = {"anyOf" if word == "oneOf" else word: value for word, value in schema.items()}
    after = "prefixItems" in schema  # Beside it, items are only what comes after.
    unkept = {word: value for word, value in schema.items() if _unkept(word, value) or (after and word == "items")}
    made = _inside(_told, {word: value for word, value in schema.items() if word not in unkept})
    if unkept:
        about, told = schema.get("description"), msgspec.json.encode(unkept).decode()
        made["description"] = f"{about} {told}" if about else told
    return made


def _unkept(word: str, value: Any) -> bool:
    if word == "format":
        return value not in _CLAUDE_FORMATS
    if word == "items":
        return isinstance(value, list)  # One by one, as older drafts have them.
    return word not in _KEPT or (word == "minItems" and value not in (0, 1))


def _inside(change: Callable[[Json], Json], schema: Json) -> Json:
    """The schema, with those in it changed."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(each) for each in value]
        return change(value) if isinstance(value, dict) else value

    made = {}
    for word, value in schema.items():
        if word in _BY_NAME and isinstance(value, dict):
            made[word] = {name: changed(each) for name, each in value.items()}
        else:
            made[word] = changed(value) if word in _PLAIN else value
    return made


def _open(schema: Any) -> bool:
    """Whether an object in it may hold what it does not name."""
    if isinstance(schema, list):
        return any(map(_open, schema))
    if not isinstance(schema, dict):
        return False
    if (_is_object(schema) or "additionalProperties" in schema) and schema.get("additionalProperties") is not False:
        return True
    if "patternProperties" in schema or _joins_objects(schema):
        return True
    named = [each for word in _BY_NAME if isinstance(schema.get(word), dict) for each in schema[word].values()]
    return any(map(_open, [*named, *(schema[word] for word in _PLAIN & schema.keys())]))


def _joins_objects(schema: Json) -> bool:
    """Each would have to hold what the others name. Those that it may be any of are joined by an object beside them."""
    own = _is_object(schema)
    listed = [schema.get(word) for word in (("allOf", "anyOf", "oneOf") if own else ("allOf",))]
    found = [each for some in listed if isinstance(some, list) for each in some if isinstance(each, dict)]
    return (own and "$ref" in schema) or any(_is_object(each) or not _COMPOSED.isdisjoint(each) for each in found)


def _is_object(schema: Json) -> bool:
    return "properties" in schema or _may_be(schema, "object")


def _may_be(schema: Json, kind: str) -> bool:
    kinds = schema.get("type")
    return isinstance(kinds, str | list) and kind in kinds


def _strict(schema: Any) -> bool:
    """Whether nothing in it is open, optional or unknown to OpenAI, which takes no words beside a reference. An object
    that is also any of others could hold nothing: each is closed."""
    if not isinstance(schema, dict) or not _STRICT.issuperset(schema) or schema.get("format", "date") not in _FORMATS:
        return False
    if "$ref" in schema:
        return len(schema) == 1
    if not ("type" in schema or "anyOf" in schema) or (_may_be(schema, "array") and "items" not in schema):
        return False
    named = [schema.get(word, {}) for word in _BY_NAME]
    others, required = schema.get("anyOf", []), schema.get("required", [])
    if not (all(isinstance(each, dict) for each in named) and isinstance(others, list) and isinstance(required, list)):
        return False
    if _is_object(schema) and (
        "anyOf" in schema
        or schema.get("additionalProperties") is not False
        or not {name for name in required if isinstance(name, str)}.issuperset(schema.get("properties", {}))
    ):
        return False
    items = [schema["items"]] if "items" in schema else []
    return all(map(_strict, [*(inner for each in named for inner in each.values()), *others, *items]))
