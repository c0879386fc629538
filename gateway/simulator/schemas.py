"""The smallest JSON value that fits a JSON Schema, as far as schemas of tools and answers go."""

from __future__ import annotations

from typing import Any

DEPTH_MAX = 12


def example(schema: Any, text: str, root: Any = None, depth: int = 0) -> Any:
    """A value that fits; strings are `text`. Optional fields are left out, what is not understood is null."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > DEPTH_MAX:
        return None
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if (inner := _inner(schema, root)) is not None:
        return example(inner, text, root, depth + 1)
    return _of_type(schema, text, root, depth)


def _inner(schema: dict[str, Any], root: Any) -> Any:
    """The schema that this one only refers to."""
    if isinstance(path := schema.get("$ref"), str):
        return _lookup(path, root)
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return schema[key][0]
    return None


def _lookup(path: str, root: Any) -> Any:
    found = root
    for name in path.removeprefix("#").strip("/").split("/"):
        found = found.get(name) if name and isinstance(found, dict) else found
    return found


def _of_type(schema: dict[str, Any], text: str, root: Any, depth: int) -> Any:
    kinds = schema.get("type")
    kind = str(kinds[0] if isinstance(kinds, list) and kinds else kinds).lower()  # Gemini writes them in capitals.
    if kind == "object" or "properties" in schema:
        fields = schema.get("properties") or {}
        required = [name for name in schema.get("required") or () if name in fields]
        return {name: example(fields[name], text, root, depth + 1) for name in required}
    if kind == "array":
        least = min(int(schema.get("minItems") or 0), 100)
        return [example(schema.get("items"), text, root, depth + 1) for _ in range(least)]
    if kind == "string":
        return text[: int(schema.get("maxLength") or len(text))].ljust(int(schema.get("minLength") or 0), "x")
    least_number = schema.get("minimum") or 0
    return {"integer": least_number, "number": least_number, "boolean": True}.get(kind)
