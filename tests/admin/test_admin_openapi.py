"""The document of the API: valid, complete, and the same as what is asked, answered and documented."""

import json
import re
import shlex

import harness
import pytest
from api import Api
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource

from gateway.admin.openapi import plain
from gateway.admin.server import BASE, ROUTES

DOCS = (harness.ROOT / "docs/admin.md").read_text()


@pytest.fixture(scope="module")
def described(way):
    return Api.of(way, way.admin).get("/openapi.json")


def test_it_is_valid_openapi(described):
    assert described["openapi"] == "3.1.0"
    validate(described)


def test_it_has_every_route(described):
    told = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert told == {(route.method, BASE + plain(route.path)) for route in ROUTES}
    names = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


def test_answers_are_as_it_says(described, admin):
    """Each GET that needs no name, and what it answers to something wrong."""
    root = Registry().with_resource("urn:api", Resource.opaque(described))
    for path, methods in described["paths"].items():
        if "get" not in methods or "{" in path:
            continue
        for query in ("", "?no_such_field=1"):
            said = admin.ask("GET", path.removeprefix(BASE) + query)
            schema = methods["get"]["responses"][str(said.status)]["content"]["application/json"]["schema"]
            found = Draft202012Validator(
                schema if "$ref" not in schema else {"$ref": "urn:api" + schema["$ref"]}, registry=root
            )
            found.validate(said.body)


def test_the_document_is_for_those_who_may_read(way, admin):
    assert admin.by(way.first).get("/openapi.json", 403)["code"] == "permission_denied"


def test_the_table_of_routes_in_the_docs_is_the_one_in_the_code():
    """Line by line."""
    table = []
    for route in ROUTES:
        roles = ", ".join(sorted(role.value for role in route.roles))
        table.append(f"| `{route.method} {plain(route.path)}` | {route.summary} | {roles} |")
    written = [line for line in DOCS.splitlines() if line.startswith("| `")]
    assert written == table


def test_the_examples_in_the_docs_work(way):
    """Each curl, in order: what one makes the next one needs."""
    api = Api.of(way, way.admin)
    examples = re.findall(r"^curl ((?:.*\\\n)*.*)", DOCS, re.MULTILINE)
    assert len(examples) >= 5
    made = ""
    for example in examples:
        words = shlex.split(example.replace("\\\n", " ").replace("$KEY_ID", made))
        method, body, path = "GET", None, ""
        while words:
            word = words.pop(0)
            if word == "-X":
                method = words.pop(0)
            elif word == "-d":
                body, method = json.loads(words.pop(0)), method if method != "GET" else "POST"
            elif word == "-H":
                assert words.pop(0) == "Authorization: Bearer $FAREWAY_KEY"
            elif word.startswith("$ADMIN/"):
                path = word.removeprefix("$ADMIN")
            else:
                assert word == "-s", word
        said = api.ask(method, path, body)
        assert said.status < 300, (example, said.raw)
        if path == "/keys":
            made = said.body["key"]["id"]
