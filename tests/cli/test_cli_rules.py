"""`fareway limits list | set`: what stands and what is left of it, and what is probably mistyped."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from charges import entry

from gateway.cli.main import main
from gateway.ledger.sqlite import SqliteLedger

CONFIG = """
limits:
  - {node: all, amount: 10 usd, window: month, timezone: Asia/Tokyo, alert: [80%]}
  - {node: all, amount: 9 usd, window: rolling 30d, mode: soft}
  - {node: "key:*", amount: 5 requests, window: day, on_reached: downgrade economy}
tiers: {economy: [sim/sim-small]}
providers: {sim: {base_url: "http://127.0.0.1:1/v1"}}
"""


@pytest.fixture
def fareway(tmp_path, monkeypatch, capsys):
    """Runs a command in a home of its own: its status, and what it says."""
    monkeypatch.setenv("FAREWAY_HOME", str(tmp_path))
    monkeypatch.delenv("FAREWAY_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fareway.yaml").write_text(CONFIG)

    def run(*arguments):
        status = main([*arguments])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def listed(fareway):
    return {row["id"]: row for row in json.loads(fareway("limits", "list", "--format=json")[1])}


def test_limits_are_listed_with_what_is_left_of_them_and_when_they_reset(fareway, tmp_path):
    """From the books, without a gateway. Of a limit for each key there are as many accounts as keys."""
    resets_at = listed(fareway)["all/usd/month"]["resets_at"]
    assert resets_at.endswith("T15:00:00+00:00"), "the first of the month in Tokyo"

    async def book():
        month = "all/usd/month@" + time.strftime("%Y-%m-01T00:00:00+09:00", time.gmtime(time.time() + 9 * 3600))
        ledger = SqliteLedger(tmp_path / "ledger.db")
        await ledger.record([entry(charges=((month, 2_500_000_000),), replica="x")])
        ledger.close()

    asyncio.run(book())
    found = listed(fareway)
    month = found["all/usd/month"]
    assert (month["spent"], month["held"], month["left"]) == ("2.50", "0.00", "7.50")
    assert (month["timezone"], month["alert"], month["source"]) == ("Asia/Tokyo", "80%", "configuration")
    assert found["all/usd/rolling 30d"]["left"] == "9.00"
    keys = found["key:*/requests/day"]
    assert (keys["spent"], keys["left"], keys["on_reached"]) == (None, None, "downgrade")
    _, table, _ = fareway("limits", "list")
    assert {"spent", "held", "left", "resets_at"} <= set(table.splitlines()[0].split())


def test_limits_are_listed_also_where_the_books_cannot_be_read(fareway, tmp_path):
    (tmp_path / "ledger.db").write_text("no ledger")
    status, out, err = fareway("limits", "list", "--format=json")
    assert (status, json.loads(out)[0]["spent"]) == (0, None)
    assert "what is left of the limits cannot be told" in err


def test_a_limit_for_nobody_is_set_and_warned_of(fareway):
    fareway("keys", "create", "--team", "research")
    assert fareway("limits", "set", "team:research", "5 usd", "--window=day")[2] == ""
    assert fareway("limits", "set", "team:reserch model:sim-small", "5 usd", "--window=day") == (
        0,
        "set team:reserch model:sim-small/usd/day: $5.00\n",
        'warning: there is no team:reserch yet; did you mean "team:research"?\n',
    )
    _, _, err = fareway("limits", "set", "key:nonexistent", "5 usd", "--window=day")
    assert err == "warning: there is no key:nonexistent yet; it counts once there is\n"
    assert fareway("limits", "set", "key:*", "5 usd", "--window=day")[2] == ""


def test_what_is_wrong_with_a_limit_is_said_of_the_option(fareway):
    status, _, err = fareway("limits", "set", "all", "5 usd", "--window=fortnight")
    assert status == 1
    assert err.startswith("--window: must be ")


def test_a_model_that_nobody_serves_is_warned_of(fareway):
    status, out, err = fareway("keys", "create", "--models", "sim-smal,sim-small,auto")
    assert (status, out[:3]) == (0, "fw-")
    (warning,) = [line for line in err.splitlines() if line.startswith("warning: ")]
    assert warning.startswith("warning: --models: sim-smal: No model of that name is served here. Did you mean ")


def test_a_webhook_that_no_call_could_use_is_refused(fareway, tmp_path):
    asked = ("keys", "create", "--webhook", "http://127.0.0.1/x")
    status, out, err = fareway(*asked)
    assert (status, out) == (1, "")
    assert err.startswith("--webhook must be a URL that begins with https://")
    (tmp_path / "fareway.yaml").write_text(f"{CONFIG}deferred: {{private_webhooks: true}}\n")
    assert fareway(*asked)[0] == 0


@pytest.mark.parametrize("text", ["soon", "8d"])
def test_a_deadline_that_no_call_could_have_is_refused_by_the_options_name(fareway, text):
    status, out, err = fareway("keys", "create", "--deadline", text)
    assert (status, out) == (1, "")
    assert err.startswith("--deadline must be ")
