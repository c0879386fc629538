"""Schemas that providers keep to: what can be said to whom, and that names of properties are never taken for words."""

import pytest

from gateway.translate.schemas import strictly

TEXT = {"type": "string"}


def obj(closed=True, **properties):
    made = {"type": "object", "properties": properties, "required": list(properties)}
    return made | {"additionalProperties": False} if closed else made


@pytest.mark.parametrize(
    "schema",
    [
        obj(),
        obj(a=TEXT | {"pattern": "^a", "format": "uuid"}),
        obj(a={"type": ["number", "null"], "exclusiveMinimum": 0, "exclusiveMaximum": 9, "multipleOf": 3}),
        obj(a={"type": "array", "items": obj(b=TEXT), "minItems": 1}),
        obj(a={"anyOf": [obj(b=TEXT), {"type": "null"}]}),
        obj(a={"$ref": "#/$defs/B"}) | {"$defs": {"B": obj(c={"const": {"properties": {}}})}},
        obj(properties=TEXT, enum=TEXT, items=obj(b=TEXT)),
    ],
)
def test_what_openai_keeps_to_is_told_as_it_is(schema):
    assert strictly(schema) == schema


def test_objects_that_say_nothing_of_more_are_closed():
    open_ = obj(closed=False, a={"items": obj(closed=False, enum=obj(closed=False, properties=TEXT))})
    assert strictly(open_) == obj(a={"items": obj(enum=obj(properties=TEXT))})
    assert "additionalProperties" not in open_


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": 7},
        {"type": "array", "items": TEXT},
        obj() | {"anyOf": [obj()]},
        obj(a=TEXT) | {"required": []},
        obj(a=TEXT) | {"additionalProperties": True},
        obj(a={"type": ["object", "null"]}),
        obj(a={"type": "object", "additionalProperties": TEXT}),
        obj(a=TEXT | {"default": "x"}),
        obj(a=TEXT | {"minLength": 1}),
        obj(a=TEXT | {"format": "uri"}),
        obj(a=TEXT | {"format": ["date"]}),
        obj(a={"allOf": [{"$ref": "#/$defs/B"}]}),
        obj(a={"$ref": "#/$defs/B", "description": "One."}) | {"$defs": {"B": TEXT}},
    ],
)
def test_what_openai_refuses_to_keep_to_is_not_said_to_be_strict(schema):
    assert strictly(schema) is None
