"""`fareway cache explain` for two files."""

import json
from pathlib import Path

import pytest

from gateway.cli.main import main

CHAT = {"model": "m", "messages": [{"role": "system", "content": "It is 9:00."}, {"role": "user", "content": "Hi"}]}
LATER = {"model": "m", "messages": [{"role": "system", "content": "It is 9:05."}, {"role": "user", "content": "Hi"}]}


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def told(capsys, *bodies, options=(), status=0):
    names = []
    for number, body in enumerate(bodies):
        Path(f"{number}.json").write_text(body if isinstance(body, str) else json.dumps(body))
        names.append(f"{number}.json")
    assert main(["cache", "explain", *names, *options]) == status
    said = capsys.readouterr()
    return said.out if status == 0 else said.err


def test_the_place_and_the_price(capsys):
    said = told(capsys, CHAT, LATER, options=["--model", "openai/gpt-4o-mini"])
    assert "messages[0].content, byte 9" in said
    assert "9:05" in said
    assert "more than read from the cache" in said


def test_as_json(capsys):
    said = json.loads(told(capsys, CHAT, LATER, options=["--format", "json"]))
    assert said["broken_at"] == "messages[0].content, byte 9"
    assert said["dialect"] == "openai-chat"


def test_what_goes_on(capsys):
    more = CHAT | {"messages": [*CHAT["messages"], {"role": "assistant", "content": "Hello"}]}
    assert "goes on from the first" in told(capsys, CHAT, more)


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ({"contents": []}, "gemini"),
        ({"input": "x", "instructions": "s"}, "openai-responses"),
        ({"messages": [], "inferenceConfig": {}}, "bedrock-converse"),
        ({"messages": [], "system": "s"}, "anthropic-messages"),
    ],
)
def test_the_dialect_shows(capsys, body, dialect):
    assert dialect in told(capsys, body, body, options=["--format", "json"])


@pytest.mark.parametrize(
    ("bodies", "options", "status", "why"),
    [
        (("{", "{"), (), 1, "not JSON"),
        (({"x": 1}, {"x": 1}), (), 2, "say --dialect"),
        (({"x": 1}, {"x": 1}), ("--dialect", "openai-speech"), 1, "nobody caches"),
        ((CHAT, CHAT, CHAT), (), 2, "two files"),
        ((CHAT, LATER), ("--model", "nobody/nothing"), 1, "no price is known"),
    ],
)
def test_what_cannot_be_told(capsys, bodies, options, status, why):
    assert why in told(capsys, *bodies, options=options, status=status)


def test_a_file_that_is_not_there(capsys):
    assert main(["cache", "explain", "nowhere.json", "nothing.json"]) == 1
    assert "cannot read" in capsys.readouterr().err
