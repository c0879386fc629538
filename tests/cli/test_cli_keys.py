"""What `fareway keys` says for people."""

from __future__ import annotations

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


def test_where_the_configuration_is_looked_for_is_told(home, capsys):
    with pytest.raises(SystemExit):
        main(["keys", "create", "--help"])
    told = capsys.readouterr().out
    assert "$FAREWAY_CONFIG" in told
    assert "./fareway.yaml" in told
