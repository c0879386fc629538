"""The JSON Schema for editors, and the example: both say what the loader really takes."""

import re
from pathlib import Path

import pytest

from gateway.catalog.providers import KNOWN
from gateway.config.fields import REFERENCE
from gateway.config.json_schema import json_schema
from gateway.config.load import load
from gateway.config.references import References
from gateway.config.schema import FarewayFile
from gateway.config.section import Section
from gateway.config.yaml_file import read

EXAMPLE = Path(__file__).parents[2] / "examples" / "fareway.yaml"
KEYS = {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k", "MISTRAL_API_KEY": "k", "ALERT_SECRET": "k", "OTEL_TOKEN": "k"}


@pytest.fixture(scope="module")
def schema():
    return json_schema()


def parts(node):
    """Every schema within a schema."""
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key not in {"default", "examples", "enum", "required"}:
                yield from parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from parts(value)


def fits(schema, rule, value):
    """Whether a value fits a schema, as far as ours goes."""
    if "$ref" in rule:
        rule = schema["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in rule:
        return any(fits(schema, part, value) for part in rule["anyOf"])
    types = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    typed = isinstance(value, types[rule["type"]]) if "type" in rule else True
    allowed = value in rule["enum"] if "enum" in rule else value == rule.get("const", value)
    match value:
        case str():
            inside = re.search(rule.get("pattern", ""), value) is not None
        case list():
            inside = all(fits(schema, rule.get("items", {}), item) for item in value)
        case dict():
            inside = fits_object(schema, rule, value)
        case _:
            inside = True
    return typed and allowed and inside


def fits_object(schema, rule, value):
    others = rule.get("additionalProperties", {})
    rules = {key: rule.get("properties", {}).get(key, others) for key in value}
    return set(rule.get("required", ())) <= set(value) and all(
        (fits(schema, rules[key], item) if isinstance(rules[key], dict) else rules[key]) for key, item in value.items()
    )


def test_it_is_well_formed(schema):
    """Every reference leads somewhere, every pattern compiles, every default and example fits its own schema."""
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for part in parts(schema):
        if isinstance(part.get("$ref"), str):
            assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]
        if isinstance(part.get("pattern"), str):
            re.compile(part["pattern"])
        for value in [part["default"]] if part.get("default") is not None else []:
            assert fits(schema, part, value), part
        for value in part.get("examples", []):
            assert fits(schema, part, value), part


def test_it_has_the_documented_keys_with_help(schema):
    assert set(schema["properties"]) == set(FarewayFile.model_fields)
    assert set(schema["properties"]["providers"]["properties"]) == set(KNOWN)
    for section in Section.__subclasses__():
        found = schema if section is FarewayFile else schema["$defs"][section.__name__]
        assert found["description"] == section.__doc__
        assert found["additionalProperties"] is False
        for name, rule in found["properties"].items():
            target = rule.get("$ref", "").removeprefix("#/$defs/")
            assert rule.get("description") or schema["$defs"][target]["description"], (section, name)


@pytest.mark.parametrize(
    ("place", "value", "good"),
    [
        ("server", {"port": 80}, True),
        ("server", {"port": "${PORT}"}, True),
        ("server", {"port": "eighty"}, False),
        ("server", {"drain": "30s"}, True),
        ("server", {"drain": "${DRAIN:-30s}"}, True),
        ("server", {"drain": "30"}, False),
        ("server", {"prot": 80}, False),
        ("providers", {"openai": {"key": "${K}"}}, True),
        ("providers", {"openai": {"key": "sk-1"}}, False),
        ("providers", {"openai": "off", "groq": False, "mistral": None}, True),
        ("models", {"m": {"deployments": ["a/b", {"to": "a/b", "weight": 0}]}}, True),
        ("models", {"m": {"deployments": [{"weight": 0}]}}, False),
        ("limits", [{"node": "all", "amount": "$5", "window": "day"}], True),
        ("limits", [{"node": "all", "amount": "5", "window": "day"}], False),
        ("limits", [{"node": "all", "amount": "$5", "window": "while running"}], False),
        ("tiers", {"premum": []}, False),
        ("prices", {"overrides": [{"model": "m", "input": "0.1/M", "from": "2026-12-01"}]}, True),
        ("prices", {"overrides": [{"model": "m", "input": 0.1}]}, False),
        ("prices", {"feed": "off"}, True),
    ],
)
def test_what_editors_underline(schema, place, value, good):
    rule = schema["properties"][place]
    if place == "tiers" and "propertyNames" in rule:
        assert set(rule["propertyNames"]["enum"]) == {"premium", "standard", "economy"}
    else:
        assert fits(schema, rule, value) is good


def test_a_reference_may_stand_anywhere(schema):
    for part in parts(schema):
        if part.get("type") in ("integer", "boolean") and "anyOf" not in part:
            assert any(
                {"type": "string", "pattern": REFERENCE} in other.get("anyOf", []) and part in other["anyOf"]
                for other in parts(schema)
            )


def test_the_example_loads(tmp_path):
    """With the values that it says are the defaults."""
    settings = load(EXAMPLE, {"FAREWAY_HOME": str(tmp_path), **KEYS})
    default = load(None, {"FAREWAY_HOME": str(tmp_path)})
    assert set(settings.providers) == {"openai", "groq", "local"}
    for same in ("home", "state", "ledger", "journal", "journal_sync_s", "server", "timeouts", "cache"):
        assert getattr(settings, same) == getattr(default, same)
    assert len(settings.limits) == 7
    assert EXAMPLE.read_text().startswith("# yaml-language-server: $schema=../fareway.schema.json\n")


def test_the_example_fits_the_schema(schema):
    as_written = References(dict.fromkeys(KEYS, "${KEY}"), EXAMPLE.parent)
    assert fits(schema, schema, read(EXAMPLE, as_written).value)


def test_the_example_shows_every_key():
    text = EXAMPLE.read_text()
    for section in Section.__subclasses__():
        for name, field in section.model_fields.items():
            assert re.search(rf"\b{field.alias or name}:", text), (section, name)
