"""Windows go by the store's clock: a gateway whose own is hours off spends from the same ones as the others."""

import asyncio
import json
import os
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from crowd import Answers, chat, crowd
from replica_fleet import PEPPER, fleet
from stores.redis_server import BINARY

FOUND = [
    path
    for machine in ("x86_64", "aarch64")
    if (path := Path(f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1")).exists()
]
pytestmark = [
    pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed"),
    pytest.mark.skipif(
        not FOUND and "CI" not in os.environ, reason="libfaketime is missing: scripts/setup-tests.sh installs it"
    ),
]
BUDGET = Decimal("0.002")
BODY = chat(max_tokens=100)


def off_by(offset):
    """The environment of a process whose clock is that far off."""
    return {"LD_PRELOAD": str(FOUND[0]), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def limits(window, budget=BUDGET):
    return f"limits:\n  - {{node: all, amount: {budget} usd, window: {window}}}\n"


async def everywhere(made, calls):
    answers = Answers()
    await asyncio.gather(
        *(crowd(gate, made.first, callers=8, calls=calls, body=BODY, answers=answers) for gate in made.gates)
    )
    return answers


async def test_a_gateway_whose_clock_is_hours_off_books_into_the_right_window(tmp_path, monkeypatch):
    begun = time.time()
    with fleet(tmp_path, limits("day"), env={0: off_by("-26h")}) as made:
        answers = await everywhere(made, 300)
        assert answers.statuses[429], "one budget for both"
        made.assert_books_agree(BUDGET)
        assert len({account for gate in made.gates for account in gate.balances()}) == len(made.gates[1].balances())
        assert all(begun - 5 < line["at"] < time.time() + 5 for line in made.entries())
        wrong, right = (gate.metric("fareway_clock_offset_seconds") for gate in made.gates)
        assert abs(wrong - 26 * 3600) < 5
        assert abs(right) < 5
        assert "this machine's clock is off by -936" in made.gates[0].gate.stderr

        monkeypatch.setenv("PEPPER", PEPPER)
        for name, value in off_by("+2h").items():
            monkeypatch.setenv(name, value)
        config = str(made.gates[0].gate.home / "fareway.yaml")
        said = made.gates[0].command("doctor", "--config", config, "--format", "json", status=1, output=True)
        checks = {row["check"]: row for row in json.loads(said)}
        assert checks["store"]["state"] == "ok"
        assert checks["clock"]["state"] == "fail"
        assert "s ahead of the store's, by which windows go" in checks["clock"]["found"]


async def test_no_window_is_overspent_while_one_follows_another(tmp_path):
    """Every second one ends while calls run. One gateway's own clock is half a second behind."""
    budget = BUDGET / 8  # Fewer calls at once than there are callers.
    with fleet(tmp_path, limits("second", budget), env={0: off_by("-0.5s")}) as made:
        begun, statuses = time.monotonic(), Counter()
        while time.monotonic() < begun + 4:
            statuses += (await everywhere(made, 200)).statuses
        assert statuses[429], statuses
        made.assert_books_agree(budget)
        windows = {account for gate in made.gates for account in gate.balances()}
        assert len(windows) >= 3, windows
