"""Gateways on several machines: one set of keys, and limits that hold for all of them together."""

import asyncio
import json
from decimal import Decimal
from urllib.error import HTTPError

import harness
import pytest
from crowd import Answers, chat, crowd
from replica_fleet import PEPPER, fleet
from road import billed, eventually, road, spent
from stores.redis_server import BINARY

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")

BUDGET = Decimal("0.02")
MONEY = f"limits:\n  - {{node: all, amount: {BUDGET} usd, window: lifetime}}\n"


async def everywhere(made, *, callers, calls, body):
    """A crowd at every gateway at once."""
    answers = Answers()
    await asyncio.gather(
        *(crowd(gate, made.first, callers=callers, calls=calls, body=body, answers=answers) for gate in made.gates)
    )
    return answers


def assert_books_agree(made):
    lines = made.entries()
    eventually(lambda: len(made.gates[0].bill()) <= len(lines))
    assert spent(lines) >= billed(made.gates[0].bill())
    assert spent(lines) <= BUDGET


async def test_a_budget_is_never_passed_and_nearly_all_of_it_is_used(tmp_path):
    with fleet(tmp_path, MONEY) as made:
        answers = await everywhere(made, callers=32, calls=1300, body=chat(max_tokens=100))
        assert set(answers.statuses) == {200, 429}
        cost = spent(made.entries())
        assert cost == billed(made.gates[0].bill())
        assert BUDGET * Decimal("0.97") <= cost <= BUDGET


async def test_a_key_made_at_one_is_good_at_the_other_and_revoked_at_both(tmp_path, monkeypatch):
    monkeypatch.setenv("PEPPER", PEPPER)
    with fleet(tmp_path) as made:
        one, two = made.gates
        config = ("--config", str(one.gate.home / "fareway.yaml"))
        key = harness.make_key(one.gate.home, "--team", "research", config=one.gate.home / "fareway.yaml")
        assert (await crowd(two, key, callers=1, calls=2, body=chat())).statuses == {200: 2}
        one.command("keys", "revoke", *config, key.split("-")[1])
        for gate in made.gates:
            eventually(lambda gate=gate: refused(gate, key))


def refused(gate, key):
    """Whether a gateway does not take this key."""
    try:
        harness.get(f"{gate.url}/v1/models", key)
    except HTTPError as error:
        return error.code == 401
    return False


async def test_a_replica_that_is_killed_leaves_the_others_the_rest_and_gets_its_own_back(tmp_path):
    with fleet(tmp_path, MONEY, "--first-token-ms", "200") as made:
        one, two = made.gates
        body = chat(max_tokens=100)
        running = asyncio.create_task(crowd(one, made.first, callers=16, calls=200, body=body))
        await crowd(two, made.first, callers=16, calls=50, body=body)
        one.gate.kill()
        lost = await running
        assert lost.lost
        answers = await crowd(two, made.first, callers=16, calls=100, body=body)
        assert answers.statuses[200]
        made.restart(0)
        assert (await crowd(one, made.first, callers=4, calls=20, body=body)).statuses[200]
        assert_books_agree(made)


async def test_calls_go_on_with_what_is_leased_while_the_store_does_not_answer(tmp_path):
    with fleet(tmp_path, MONEY, patient=False) as made:
        body = chat(max_tokens=100)
        await everywhere(made, callers=4, calls=40, body=body)
        made.redis.freeze()
        answers = await everywhere(made, callers=4, calls=20, body=body)
        assert answers.statuses[200], answers.statuses
        assert set(answers.statuses) <= {200, 503}
        made.redis.thaw()
        await asyncio.sleep(1)
        later = await everywhere(made, callers=4, calls=20, body=body)
        assert later.statuses[200], later.statuses
        assert_books_agree(made)


async def test_after_a_flush_no_more_is_spent_than_the_limit(tmp_path):
    with fleet(tmp_path, MONEY) as made:
        body = chat(max_tokens=100)
        running = asyncio.create_task(everywhere(made, callers=16, calls=1300, body=body))
        for _ in range(3):
            await asyncio.sleep(0.7)
            made.redis.say("FLUSHALL")
        await running
        await asyncio.sleep(1.5)
        await everywhere(made, callers=8, calls=300, body=body)
        assert_books_agree(made)


async def test_what_a_replica_had_leased_that_does_not_come_back_can_be_freed(tmp_path, monkeypatch):
    """Its calls count at all that they held, or, where its home is left, at what stands in its books."""
    monkeypatch.setenv("PEPPER", PEPPER)
    with fleet(tmp_path, MONEY) as made:
        one, two = made.gates
        config = ("--config", str(two.gate.home / "fareway.yaml"))
        body = chat(max_tokens=100)
        await crowd(one, made.first, callers=8, calls=40, body=body)
        one.gate.kill()
        name = (one.gate.home / "replica").read_text()
        said = two.command("limits", "resolve", *config, name, status=1)
        assert "stop it first" in said
        await asyncio.sleep(10.5)
        assert name in two.command("limits", "replicas", *config)
        assert "cannot be read" in two.command("limits", "resolve", *config, name, "--home", "/proc/nowhere", status=1)
        assert "resolved" in two.command("limits", "resolve", *config, name, "--home", str(one.gate.home))
        assert "no replica" in two.command("limits", "resolve", *config, "nobody", status=1)
        answers = await crowd(two, made.first, callers=32, calls=2700, body=body)
        assert answers.statuses[429]
        made.restart(0)
        cost = spent(made.entries())
        assert BUDGET * Decimal("0.95") <= cost <= BUDGET


def test_only_shared_limits_have_replicas(tmp_path):
    with road(tmp_path) as way:
        assert "not shared" in way.command("limits", "replicas", status=1)


async def test_a_rolling_window_and_its_thresholds_are_those_of_all_gateways(tmp_path, monkeypatch):
    monkeypatch.setenv("PEPPER", PEPPER)
    limits = "limits:\n  - {node: all, amount: 40 requests, window: rolling 1h, alert: [50%, 100%]}\n"
    with fleet(tmp_path, limits) as made:
        answers = await everywhere(made, callers=8, calls=30, body=chat())
        assert answers.statuses == {200: 40, 429: 20}
        counter = "fareway_limit_thresholds_total"

        def told(threshold):
            labels = {"limit": "all/requests/rolling 1h", "threshold": threshold}
            return sum(gate.metric(counter, **labels) for gate in made.gates)

        for threshold in ("50%", "100%"):
            eventually(lambda threshold=threshold: told(threshold))
            assert told(threshold) == 1
        seen = made.gates[1].command("limits", "events", "--config", "fareway.yaml", "--format", "json")
        assert [(event["percent"], event["amount"]) for event in json.loads(seen)] == [
            (50, "40 requests"),
            (100, "40 requests"),
        ]
