"""What a gateway says when it is ready."""

from __future__ import annotations

import pytest

from gateway.catalog.providers import KNOWN
from gateway.cli.greeting import Started, first_keys, greet
from gateway.cli.main import main
from gateway.config.settings import Settings

NO_ADMIN = "fareway keys create admin --admin"


@pytest.fixture
def greeting(tmp_path, monkeypatch, capsys):
    """What is said with these settings, after a start at which these keys were made."""
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def said(admin_port=4001, **more):
        found = Settings(tmp_path, tmp_path / "state.db", tmp_path / "ledger.db", tmp_path / "journal", **more)
        capsys.readouterr()
        greet(Started(found, None, 4000, admin_port, "prices", (0, 0), 0.1), first_keys(found))
        return capsys.readouterr().err

    return said


def test_the_first_start_shows_two_keys_and_the_second_none(greeting):
    assert "admin key  fw-" in greeting()
    again = greeting()
    assert "fw-" not in again
    assert NO_ADMIN not in again


def test_where_keys_were_made_before_and_none_is_an_admins_it_is_told_how_to_get_one(greeting):
    assert main(["keys", "create", "x"]) == 0
    assert NO_ADMIN in greeting()
    assert NO_ADMIN not in greeting(admin_port=None)
    assert main(["keys", "create", "admin", "--admin"]) == 0
    assert NO_ADMIN not in greeting()


@pytest.mark.parametrize(
    ("providers", "asked"),
    [
        ([], "sim-small"),
        (["vllm"], "MODEL"),
        (["vllm", "openai"], "openai/gpt-"),
        (["groq"], "groq/openai/gpt-oss-20b"),
    ],
)
def test_the_first_call_asks_for_a_model_that_is_there(greeting, providers, asked):
    """Who copies it gets an answer: one that writes texts, and costs little."""
    assert f'"model": "{asked}' in greeting(providers={name: KNOWN[name] for name in providers})


def test_the_first_call_asks_for_the_first_model_of_the_configuration(greeting):
    assert '"model": "fast"' in greeting(providers={"openai": KNOWN["openai"]}, models={"fast": ()})
