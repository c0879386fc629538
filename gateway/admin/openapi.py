"""The OpenAPI document (3.1), made from the routes and the types that requests are checked with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import json as msgjson

from gateway import __version__
from gateway.admin.documents import Error
from gateway.admin.limits import LimitBody
from gateway.admin.site import Route
from gateway.config.limit import limit_schema

_REF = "#/components/schemas/{name}"
_LIMIT = "NewLimit"
_REFUSALS = {400: "The request is wrong", 401: "No key, or not a good one", 403: "This key may not do that"}
_OF_ONE = {404: "There is no such thing"}
_OF_CHANGES = {409: "What is there does not allow that", 413: "More than 64 KiB"}


def document(routes: Sequence[Route], base: str) -> dict[str, Any]:
    """The whole document."""
    bodies = [route.body for route in routes if route.body is not None and route.body is not LimitBody]
    types = list(dict.fromkeys([*bodies, *(route.answer for route in routes if route.answer is not None), Error]))
    refs, components = msgjson.schema_components(types, ref_template=_REF)
    named = dict(zip(types, refs, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = base + plain(route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Fareway admin API", "version": __version__},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key with a role."}},
            "schemas": msgjson.decode(msgjson.encode(components)) | {_LIMIT: _limit()},
        },
    }


def plain(path: str) -> str:
    """A route's path without its patterns."""
    return re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)


def _operation(route: Route, named: dict[Any, Any]) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)", route.path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    refusals = (
        _REFUSALS | (_OF_ONE if names or route.may_be_empty else {}) | (_OF_CHANGES if route.method != "GET" else {})
    )
    answer = {"description": route.summary}
    if route.answer is not None:
        answer |= _json(named[route.answer])
    responses = {str(route.status if route.answer is not None else 204): answer}
    responses |= {str(status): {"description": text} | _json(named[Error]) for status, text in refusals.items()}
    operation = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": f"For {', '.join(sorted(role.value for role in route.roles))}.",
        "parameters": [*parameters, *_query(route)],
        "responses": responses,
    }
    if route.body is not None:
        schema = {"$ref": _REF.format(name=_LIMIT)} if route.body is LimitBody else named[route.body]
        operation["requestBody"] = {"required": _needed(route.body)} | _json(schema)
    return operation


def _needed(body: Any) -> bool:
    """Whether there is something that it must say. No body at all says nothing."""
    try:
        msgspec.convert({}, body)
    except msgspec.ValidationError:
        return True
    return False


def operation_id(route: Route) -> str:
    """get_keys_id_rotate and the like."""
    return "_".join([route.method.lower(), *re.findall(r"\w+", plain(route.path))])


def _query(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    _, components = msgjson.schema_components([route.query], ref_template=_REF)
    described = components[route.query.__name__]
    required = described.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in described["properties"].items()
    ]


def _json(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _limit() -> dict[str, Any]:
    """As in the configuration file, with the kinds that it refers to put in their places."""
    schema = limit_schema()
    kinds = schema.pop("$defs", {})

    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(part) for part in node]
        if not isinstance(node, dict):
            return node
        found = kinds.get(node.get("$ref", "").rpartition("/")[2], {})
        rest = {key: resolved(value) for key, value in node.items() if not (found and key == "$ref")}
        return resolved(found) | rest if found else rest

    return dict(resolved(schema))
