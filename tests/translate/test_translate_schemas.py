"""Schemas that providers keep to: what can be said to whom, and that names of properties are never taken for words."""

import json

import pytest

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.translate.edge import Losses, Target
from gateway.translate.edges import EDGES
from gateway.translate.schemas import ForClaude, for_claude, strict_tool, strictly

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
        obj(a={"$ref": "#/$defs/B"}) | {"$defs": {"B": obj(c=TEXT | {"const": {"properties": {}}})}},
        obj(a={"$ref": "#/definitions/B"}) | {"definitions": {"B": obj(c=TEXT)}},
        obj(properties=TEXT, enum=TEXT, items=obj(b=TEXT)),
    ],
)
def test_what_openai_keeps_to_is_told_as_it_is(schema):
    assert strictly(schema) == schema


def test_what_stands_alone_in_an_allof_is_the_schema_itself():
    """Pydantic wrote references so: OpenAI takes no `allOf`, and Claude none with a reference."""
    schema, definitions = obj(a={"allOf": [{"$ref": "#/$defs/B"}]}), {"$defs": {"B": TEXT}}
    made = obj(a={"$ref": "#/$defs/B"}) | definitions
    assert strictly(schema | definitions) == made
    assert for_claude(schema | definitions) == ForClaude(made, exact=True)


def test_what_is_said_of_it_outside_an_allof_is_said_of_the_schema():
    inner = {"allOf": [{"allOf": [obj(a=TEXT) | {"title": "A", "description": "Any."}], "description": "One."}]}
    made = obj(a=TEXT) | {"title": "A", "description": "This one."}
    given = inner | {"description": "This one."}
    assert strictly(given) == made
    assert for_claude(given) == ForClaude(made, exact=True)


def test_the_draft_that_a_schema_is_written_by_is_left_out():
    """Zod and Vercel's SDK name it at the root. Nobody needs it, and a property of that name stays."""
    schema = obj(**{"$schema": TEXT})
    given = schema | {"$schema": "http://json-schema.org/draft-07/schema#"}
    assert strictly(given) == schema
    assert for_claude(given) == ForClaude(schema, exact=True)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"const": "x"}, "string"),
        ({"const": None}, "null"),
        ({"enum": ["a", "b"]}, "string"),
        ({"enum": [1, True, 0.5, None]}, ["integer", "boolean", "number", "null"]),
        ({"enum": ["a"], "type": ["string", "null"]}, ["string", "null"]),
    ],
)
def test_the_type_of_values_is_said_to_openai_which_demands_it(values, kind):
    """Anthropic's own clients leave it out, and Claude does not ask for it."""
    schema = obj(a={"type": "array", "items": values})
    assert strictly(schema) == obj(a={"type": "array", "items": values | {"type": kind}})
    assert for_claude(schema) == ForClaude(schema, exact=True)


def test_objects_that_say_nothing_of_more_are_closed():
    inner = obj(closed=False, enum=obj(closed=False, properties=TEXT))
    open_ = obj(closed=False, a={"type": "array", "items": inner})
    assert strictly(open_) == obj(a={"type": "array", "items": obj(enum=obj(properties=TEXT))})
    assert "additionalProperties" not in open_


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": 7},
        {"type": "array", "items": TEXT},
        obj() | {"anyOf": [obj()]},
        obj(a=obj(b=TEXT) | {"anyOf": [obj(c=TEXT)]}),
        obj(a=TEXT) | {"required": []},
        obj(a=TEXT) | {"required": [["a"]]},
        obj(a=TEXT) | {"additionalProperties": True},
        obj(a={"type": ["object", "null"]}),
        obj(a={"type": "object", "additionalProperties": TEXT}),
        obj(a=TEXT | {"default": "x"}),
        obj(a=TEXT | {"minLength": 1}),
        obj(a=TEXT | {"format": "uri"}),
        obj(a=TEXT | {"format": ["date"]}),
        obj(a={"allOf": [{"$ref": "#/$defs/B"}, {"title": "B"}]}),
        obj(a=TEXT | {"$defs": 7}),
        obj(a={"anyOf": 7}),
        obj(a={"$ref": "#/definitions/B"}) | {"definitions": {"B": {"type": "object"}}},
        obj(a={"title": "Anything"}),
        obj(a={"type": "array"}),
        obj(a={"type": "array", "items": {}}),
        obj(a={"enum": ["a", {}]}),
        obj(a={"enum": []}),
        obj(a={"enum": "a"}),
        obj(a={"$ref": "#/$defs/B", "description": "One."}) | {"$defs": {"B": TEXT}},
    ],
)
def test_what_openai_refuses_to_keep_to_is_not_said_to_be_strict(schema):
    assert strictly(schema) is None


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array", "items": obj(a=TEXT)},
        obj(a=TEXT) | {"required": []},
        obj(a={"type": "string", "default": {"type": "object"}}, type=TEXT),
        obj(
            a={"anyOf": [obj(b=TEXT), {"type": "null"}], "allOf": 7}, b={"properties": 7, "additionalProperties": False}
        ),
        obj(a=TEXT, b=TEXT) | {"required": [], "anyOf": [{"required": ["a"]}, {"required": ["b"]}, 7]},
        {"$ref": "#/$defs/A", "$defs": {"A": obj(a={"items": TEXT}, b={"items": True})}},
    ],
)
def test_what_is_closed_already_is_told_to_claude_as_it_is(schema):
    assert for_claude(schema) == ForClaude(schema, exact=True)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        obj() | {"additionalProperties": True},
        obj(a={"type": ["null", "object"]}),
        obj(a={"additionalProperties": TEXT}),
        obj(a={"anyOf": [TEXT, {"type": "object"}]}),
        obj(a={"$ref": "#/definitions/B"}) | {"definitions": {"B": {"type": "object"}}},
        obj() | {"patternProperties": {"^a": TEXT}},
        {"allOf": [obj(a=TEXT), obj(b=TEXT)]},
        {"allOf": [obj(a=TEXT)]} | obj(b=TEXT),
        {"allOf": [{"$ref": "#/$defs/B"}]} | obj(b=TEXT),
        obj(a=obj(b=TEXT) | {"$ref": "#/$defs/B"}),
        obj(a=obj(b=TEXT) | {"oneOf": [TEXT, obj(c=TEXT)]}),
        obj(b=TEXT) | {"anyOf": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/C"}]},
        obj(a={"allOf": [{"$ref": "#/$defs/B"}, {"title": "B"}]}),
        {"allOf": [{"allOf": [obj(a=TEXT)], "properties": {}}], "title": "A"},
        obj(a={"allOf": [7, {"title": "B"}, {"oneOf": [obj(b=TEXT)]}]}),
    ],
)
def test_an_object_that_is_meant_to_be_open_is_nothing_to_say_to_claude(schema):
    assert for_claude(schema) is None


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (obj(a={"type": "integer", "minimum": 0}), obj(a={"type": "integer", "description": '{"minimum":0}'})),
        (
            obj(minimum=TEXT | {"maxLength": 9, "description": "A name."}),
            obj(minimum=TEXT | {"description": 'A name. {"maxLength":9}'}),
        ),
        (
            obj(a={"anyOf": [{"items": TEXT, "minItems": 2, "format": ["x"]}]}),
            obj(a={"anyOf": [{"items": TEXT, "description": '{"minItems":2,"format":["x"]}'}]}),
        ),
        (obj(a=TEXT | {"format": "iri"}), obj(a=TEXT | {"description": '{"format":"iri"}'})),
        (
            obj(a=TEXT | {"not": obj(closed=False)}),
            obj(a=TEXT | {"description": json.dumps({"not": obj(closed=False)}, separators=(",", ":"))}),
        ),
        (obj(a={"oneOf": [obj(b=TEXT), TEXT]}), obj(a={"anyOf": [obj(b=TEXT), TEXT]})),
        (
            obj(a={"oneOf": [obj(b=TEXT)], "discriminator": {"propertyName": "b"}}),
            obj(a={"anyOf": [obj(b=TEXT)], "description": '{"discriminator":{"propertyName":"b"}}'}),
        ),
        (
            obj(a={"oneOf": [TEXT], "anyOf": [TEXT]}),
            obj(a={"anyOf": [TEXT], "description": '{"oneOf":[{"type":"string"}]}'}),
        ),
        (
            obj(a={"type": "array", "prefixItems": [TEXT]}),
            obj(a={"type": "array", "description": '{"prefixItems":[{"type":"string"}]}'}),
        ),
        (
            obj(a={"type": "array", "prefixItems": [TEXT], "items": False}),
            obj(a={"type": "array", "description": '{"prefixItems":[{"type":"string"}],"items":false}'}),
        ),
        (
            obj(a={"type": "array", "items": [TEXT, True], "minItems": 2}),
            obj(a={"type": "array", "description": '{"items":[{"type":"string"},true],"minItems":2}'}),
        ),
    ],
)
def test_what_claude_refuses_to_keep_to_is_told_in_words(schema, told):
    """Pydantic writes bounds for `Field(ge=0)`, which OpenAI keeps to, and `oneOf` with a discriminator for unions."""
    assert for_claude(schema) == ForClaude(told, exact=False)


def test_what_claude_keeps_to_stays():
    schema = obj(a={"items": TEXT | {"format": "uri", "pattern": "^h"}, "minItems": 1, "default": {"minimum": 1}})
    assert for_claude(schema) == ForClaude(schema, exact=True)


@pytest.mark.parametrize(
    ("schema", "told", "strict", "left"),
    [
        (obj(a=TEXT), obj(a=TEXT), True, []),
        (obj(a=TEXT | {"minLength": 1}), obj(a=TEXT | {"description": '{"minLength":1}'}), True, ["tools.strict"]),
        ({"type": "object"}, {"type": "object"}, False, ["tools.strict"]),
    ],
)
def test_a_strict_tool_is_as_strict_as_claude_can_be(schema, told, strict, left):
    heard = []
    assert strict_tool(schema, heard.append) == (told, strict)
    assert heard == left


def sent(outbound, inbound, schema, lossy=False):
    """The schema that goes up, which Bedrock has in a string, and what was left out."""
    described = {"name": "n", "schema": schema}
    if inbound == "openai-chat":
        said = {"messages": [{"role": "user", "content": "Hi"}]}
        said |= {"response_format": {"type": "json_schema", "json_schema": described}}
    else:
        said = {"input": "Hi", "store": False, "text": {"format": {"type": "json_schema"} | described}}
    edge = next(edge for edge in EDGES if (edge.inbound, edge.outbound) == (inbound, outbound))
    losses, target = Losses(allowed=lossy), Target("anthropic.claude-opus-4-8", 1000)
    made = json.loads(edge.request(Asked(json.dumps({"model": "m"} | said).encode()), target, losses).body)
    if outbound == "anthropic-messages":
        return made.get("output_config", {}).get("format", {}).get("schema"), losses.dropped
    if (config := made.get("outputConfig")) is None:
        return None, losses.dropped
    return json.loads(config["textFormat"]["structure"]["jsonSchema"]["schema"]), losses.dropped


TO_CLAUDE = pytest.mark.parametrize(
    ("inbound", "outbound", "name"),
    [
        ("openai-chat", "anthropic-messages", "response_format.json_schema.schema"),
        ("openai-chat", "bedrock-converse", "response_format.json_schema.schema"),
        ("openai-responses", "anthropic-messages", "text.format.schema"),
    ],
)


@TO_CLAUDE
def test_a_schema_that_openai_takes_without_strict_is_closed_for_claude(inbound, outbound, name):
    del name
    assert sent(outbound, inbound, obj(closed=False, a=obj(closed=False, b=TEXT))) == (obj(a=obj(b=TEXT)), ())


@TO_CLAUDE
def test_a_bound_that_claude_refuses_is_named_and_told(inbound, outbound, name):
    schema = obj(a={"type": "integer", "minimum": 1})
    told = obj(a={"type": "integer", "description": '{"minimum":1}'})
    assert sent(outbound, inbound, schema) == (told, (name,))


def strict_tools(outbound, inbound, schema):
    """What goes up of a strict tool, and what was left out."""
    described = {"name": "f", "parameters": schema, "strict": True}
    if inbound == "openai-chat":
        said = {"messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function", "function": described}]}
    else:
        said = {"input": "Hi", "store": False, "tools": [{"type": "function"} | described]}
    edge = next(edge for edge in EDGES if (edge.inbound, edge.outbound) == (inbound, outbound))
    losses, target = Losses(allowed=False), Target("anthropic.claude-opus-4-8", 1000)
    made = json.loads(edge.request(Asked(json.dumps({"model": "m"} | said).encode()), target, losses).body)
    if outbound == "anthropic-messages":
        (tool,) = made["tools"]
        return tool["input_schema"], tool["strict"], losses.dropped
    tool = made["toolConfig"]["tools"][0]["toolSpec"]
    return tool["inputSchema"]["json"], tool["strict"], losses.dropped


@TO_CLAUDE
def test_strict_tools_go_up_as_claude_keeps_to_them(inbound, outbound, name):
    del name
    told = obj(a=TEXT | {"description": '{"minLength":1}'})
    assert strict_tools(outbound, inbound, obj(a=TEXT | {"minLength": 1})) == (told, True, ("tools.strict",))


@TO_CLAUDE
@pytest.mark.parametrize("schema", [[1], "x", 3, True])
def test_what_a_tool_takes_is_an_object(inbound, outbound, name, schema):
    del name
    with pytest.raises(BadRequest, match="parameters"):
        strict_tools(outbound, inbound, schema)


@TO_CLAUDE
def test_a_map_is_refused_by_name_for_claude_and_may_be_left_out(inbound, outbound, name):
    schema = obj(a={"type": "object", "additionalProperties": TEXT})
    with pytest.raises(BadRequest, match="additionalProperties must be false") as refused:
        sent(outbound, inbound, schema)
    assert refused.value.param == name
    assert sent(outbound, inbound, schema, lossy=True) == (None, (name,))
