"""The JSON Schema of fareway.yaml, for editors: completion, help on hover, and errors while one types."""

from __future__ import annotations

from typing import Any

from gateway.catalog.providers import KNOWN
from gateway.config.fields import REFERENCE
from gateway.config.schema import FarewayFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NOTES = frozenset({"default", "description", "examples", "title"})


def json_schema() -> dict[str, Any]:
    """The schema of the file as it is written, references not yet replaced."""
    schema: dict[str, Any] = _referable(FarewayFile.model_json_schema(mode="validation"))
    providers = schema["properties"]["providers"]
    providers["properties"] = dict.fromkeys(KNOWN, providers["additionalProperties"])
    return {"$schema": DIALECT, **schema, "title": "fareway.yaml"}


def _referable(node: Any) -> Any:
    """The same schema, in which a reference may stand for every scalar that is not any text."""
    if isinstance(node, list):
        return [_referable(part) for part in node]
    if not isinstance(node, dict):
        return node
    narrow = node.get("type") in ("integer", "boolean") or (
        node.get("type") == "string" and {"pattern", "enum"} & set(node)
    )
    if not narrow or node.get("pattern") == REFERENCE:
        return {key: value if key in {"default", "examples"} else _referable(value) for key, value in node.items()}
    notes = {key: value for key, value in node.items() if key in _NOTES}
    rule = {key: value for key, value in node.items() if key not in _NOTES}
    return {"anyOf": [rule, {"type": "string", "pattern": REFERENCE}], **notes}
