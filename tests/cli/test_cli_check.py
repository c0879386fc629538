"""`fareway check`: what a configuration comes to."""

from __future__ import annotations

import pytest

from gateway.cli.main import main


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """What it prints for a text."""
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.setattr("os.environ", {"FAREWAY_HOME": str(tmp_path), "HOME": str(tmp_path)})

    def run(text):
        path = tmp_path / "fareway.yaml"
        path.write_text(text)
        assert main(["check", str(path)]) == 0
        return capsys.readouterr().out

    return run


def test_without_a_provider_the_simulators_models_are_shown(check):
    told = check("")
    assert "Providers: none, so the simulator will answer" in told
    assert "sim/sim-small" in told


def test_without_a_name_there_is_no_table(check):
    told = check("providers: {sim: {base_url: 'http://127.0.0.1:1/v1'}}")
    assert told.endswith("Every priced model of a provider can be called as provider/model.\n")
