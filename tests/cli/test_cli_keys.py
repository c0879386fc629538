"""What `fareway keys` says for people."""

from __future__ import annotations

import json
import time

import pytest

from gateway.cli.main import main


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_where_a_key_is_kept_is_told(home, capsys):
    """A gateway with another home would refuse it, and nobody knew why."""
    assert main(["keys", "create", "--team", "research"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("fw-")
    assert str(home) in told.err
    name = told.out.split("-")[1]
    assert main(["keys", "rotate", name]) == 0
    assert str(home) in capsys.readouterr().err


@pytest.mark.parametrize("command", [["list"], ["create", "x"]])
def test_a_store_that_cannot_be_opened_is_told_with_its_name(home, capsys, command):
    (home / "state.db").write_bytes(b"nothing that a database would begin with" * 100)
    assert main(["keys", *command]) == 1
    told = capsys.readouterr().err
    assert told == f"{home / 'state.db'} cannot be opened: file is not a database\n"


def test_a_home_that_cannot_be_made_is_told(home, monkeypatch, capsys):
    monkeypatch.setenv("FAREWAY_HOME", "/proc/nope")
    assert main(["keys", "create"]) == 1
    assert capsys.readouterr().err.startswith("/proc/nope/state.db cannot be opened: ")


def test_keys_are_not_hashed_with_a_damaged_pepper(home, capsys):
    assert main(["keys", "create"]) == 0
    (home / "pepper").write_bytes(b"")
    assert main(["keys", "create"]) == 1
    assert "pepper has 0 bytes, not 32" in capsys.readouterr().err


def test_no_second_pepper_is_made_where_keys_need_the_first(home, capsys):
    """All of them would be refused, and nobody knew why."""
    assert main(["keys", "create"]) == 0
    (home / "pepper").unlink()
    assert main(["keys", "create"]) == 1
    assert "none of the 1 keys in" in capsys.readouterr().err
    assert not (home / "pepper").exists()
    assert main(["doctor"]) == 1
    assert "pepper is not there" in capsys.readouterr().out


def test_a_key_that_cannot_be_made_leaves_no_team(home, capsys):
    assert main(["keys", "create"]) == 0
    pepper = (home / "pepper").rename(home / "elsewhere")
    assert main(["keys", "create", "--org", "acme", "--team", "new"]) == 1
    pepper.rename(home / "pepper")
    capsys.readouterr()
    for kind in ("orgs", "teams"):
        assert main([kind, "list", "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out) == []


def test_what_hashes_nothing_needs_no_pepper(home, capsys):
    """Where it is lost for good, keys that nobody can use any more are revoked, and new ones made."""
    assert main(["keys", "create", "--team", "research"]) == 0
    name = capsys.readouterr().out.split("-")[1]
    (home / "pepper").unlink()
    for command in (["keys", "list"], ["keys", "show", name], ["teams", "list"], ["limits", "list"]):
        assert main(command) == 0
    assert main(["limits", "set", "all", "5usd", "--window", "day"]) == 0
    capsys.readouterr()
    assert main(["keys", "rotate", name]) == 1
    assert "or revoke them" in capsys.readouterr().err
    assert main(["keys", "revoke", name]) == 0
    assert main(["doctor"]) == 0
    assert not (home / "pepper").exists()
    assert main(["keys", "create"]) == 0


def test_an_expired_key_needs_its_pepper_until_it_is_revoked(home, monkeypatch, capsys):
    """It may be given another end, and would be refused for ever."""
    assert main(["keys", "create", "--expires", "1h"]) == 0
    name = capsys.readouterr().out.split("-")[1]
    (home / "pepper").unlink()
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)
    assert main(["keys", "create"]) == 1
    assert not (home / "pepper").exists()
    assert main(["keys", "revoke", name]) == 0
    assert main(["keys", "create"]) == 0


@pytest.mark.parametrize(
    "command",
    [["keys", "list"], ["keys", "show", "x"], ["keys", "revoke", "x"], ["teams", "list"], ["limits", "unset", "x"]],
)
def test_who_looks_into_a_home_that_is_none_is_told_and_makes_none(home, capsys, command):
    """An empty table would be taken for the gateway's."""
    assert main(command) == 3
    assert f"nothing is kept at {home / 'state.db'} yet" in capsys.readouterr().err
    assert list(home.iterdir()) == []


def test_limits_of_the_configuration_are_listed_where_nothing_is_kept(home, capsys):
    (home / "fareway.yaml").write_text("limits: [{node: all, amount: 5 usd, window: day}]\n")
    assert main(["limits", "list"]) == 0
    assert "configuration" in capsys.readouterr().out
    assert [file.name for file in home.iterdir()] == ["fareway.yaml"]


def test_a_key_is_revoked_without_the_providers_secrets_and_the_policies(home, monkeypatch, capsys):
    """They are in a file that root alone reads, and the shell in which it is urgent has none of them."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    (home / "fareway.yaml").write_text(
        'providers: {openai: {key: "${OPENAI_API_KEY}"}}\nrouting: {policy: nobodys.policy}\nhome: books\n'
    )
    assert main(["keys", "create"]) == 0
    name = capsys.readouterr().out.split("-")[1]
    assert main(["keys", "revoke", name]) == 0
    assert main(["limits", "set", "all", "5usd", "--window", "day"]) == 0
    assert (home / "books" / "state.db").exists()
    assert main(["usage"]) == 1
    assert "there is no ledger at" in capsys.readouterr().err
    assert main(["check"]) == 1


def test_a_misspelled_section_is_told_by_every_command(home, capsys):
    """Else its keys were those of another home."""
    (home / "fareway.yaml").write_text("hoem: books\n")
    assert main(["keys", "list"]) == 1
    assert "hoem: unknown key" in capsys.readouterr().err


def test_where_the_configuration_is_looked_for_is_told(home, capsys):
    with pytest.raises(SystemExit):
        main(["keys", "create", "--help"])
    told = capsys.readouterr().out
    assert "$FAREWAY_CONFIG" in told
    assert "./fareway.yaml" in told


def test_events_of_limits_are_none_where_nothing_is_kept_and_nothing_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path / "home"))
    assert main(["limits", "events", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert not (tmp_path / "home").exists()
