"""Tool definitions as OpenAI shows them to its models: a TypeScript namespace.

Found by reverse engineering (the form that litellm's `_format_function_definitions` uses); median
error of a count made this way 2 to 3 %, worst seen 24 % (enums, nesting). What the form does not
cover stays JSON, which is longer and so errs on the safe side: so do tools that are no functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

DEPTH_MAX = 16
_FUNCTION = ("name", "description", "parameters")
_ARRAY = ("type", "items")
_OBJECT = ("type", "properties", "required")
_SETTINGS = (bool, int, float, type(None))
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def rendered(tools: str) -> str:
    """The definitions (a JSON array of tools) as the model reads them; `tools` itself if they are not such."""
    try:
        definitions = json.loads(tools)
        return "\n".join(["namespace functions {", "", *_functions(definitions), "} // namespace functions"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return tools


def _functions(definitions: list[dict[str, Any]]) -> Iterator[str]:
    for definition in definitions:
        if definition.get("type", "function") != "function":
            raise ValueError("a tool of a kind that has another form")
        function = definition.get("function", definition)
        yield from _beside(definition, ("type", "function", *_FUNCTION))
        yield from () if function is definition else _beside(function, _FUNCTION)
        if description := function.get("description"):
            yield f"// {description}"
        parameters = function.get("parameters") or {}
        yield from _beside(parameters, _OBJECT)
        if parameters.get("properties"):
            yield f"type {function['name']} = (_: {{"
            yield from _fields(parameters, 0)
            yield "}) => any;"
        else:
            yield f"type {function['name']} = () => any;"
        yield ""


def _fields(schema: dict[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    required = schema.get("required") or ()
    for name, field in schema["properties"].items():
        if description := field.get("description"):
            yield f"{indent}// {description}"
        yield from _beside(field, ("description", *_shown(field)))
        inner = field
        while _shown(inner) == _ARRAY:
            inner = inner["items"]
            yield from _beside(inner, _shown(inner))
        yield f"{indent}{name}{'' if name in required else '?'}: {_type(field, depth)},"


def _shown(schema: dict[str, Any]) -> tuple[str, ...]:
    """What `_type` shows of a schema."""
    kind = schema.get("type")
    if "enum" in schema:
        return ("type", "enum")
    if kind == "array" and "items" in schema:
        return _ARRAY
    if kind == "object" and schema.get("properties"):
        return _OBJECT
    return ("type",) if isinstance(kind, str) and kind in _SCALARS else tuple(schema)


def _beside(described: dict[str, Any], shown: tuple[str, ...]) -> Iterator[str]:
    """What the form has no place for."""
    rest = {name: value for name, value in described.items() if name not in shown and not isinstance(value, _SETTINGS)}
    if rest:
        yield f"// {json.dumps(rest, ensure_ascii=False)}"


def _type(schema: dict[str, Any], depth: int) -> str:
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array" and "items" in schema:
        return f"{_type(schema['items'], depth)}[]"
    if kind == "object" and schema.get("properties") and depth < DEPTH_MAX:
        return "\n".join(["{", *_fields(schema, depth + 1), "}"])
    scalar = _SCALARS.get(kind) if isinstance(kind, str) else None
    return scalar or json.dumps(schema, ensure_ascii=False)
