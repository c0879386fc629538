"""A past period priced anew, by commands: the books of a gateway that has stopped say so when it runs again."""

import json
from decimal import Decimal

import harness
import pytest
from road import PROVIDERS, road, said

LIMITS = '\nlimits: [{node: "key:*", amount: 5 usd, window: month}]\n'
CHEAPER = "- {provider: sim, model: sim-large, input: 0.10/M, output: 0.20/M}\n"


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("rerate"), PROVIDERS + LIMITS) as found:
        yield found


def test_a_period_is_priced_anew_and_the_next_start_knows(way, tmp_path):
    with way.client() as client:
        answer = client.chat.completions.with_raw_response.create(model="sim/sim-large", messages=said("Hi"))
    before = way.document(answer.headers["x-fareway-request-id"])
    left = Decimal(answer.headers["x-fareway-budget-remaining-usd"])
    overrides = tmp_path / "new.yaml"
    overrides.write_text(CHEAPER)
    command = ("prices", "rerate", "--from", "1d", "--with", str(overrides), "--format", "json")

    shown = json.loads(way.command(*command))
    assert (shown["total"]["changed"], shown["applied"]) == (1, False)
    refused = way.command(*command, "--apply", status=1)
    assert "a gateway is running" in refused
    assert way.document(before["id"]) == before, "nothing has changed"

    assert way.gate.stop() == 0
    applied = json.loads(way.command(*command, "--apply"))
    assert (applied["total"], applied["applied"]) == (shown["total"], True)
    assert json.loads(way.command(*command, "--apply"))["total"]["changed"] == 0
    way.gate.start()

    after = harness.get(f"{way.gate.url}/v1/requests/{before['id']}", way.admin)
    difference = Decimal(shown["total"]["difference_usd"])
    assert difference < 0
    assert Decimal(after["cost_usd"]) == Decimal(before["cost_usd"]) + difference
    assert after["entries"][0] == before["entries"][0], "history is never edited"
    adjusted = after["entries"][1]
    assert (adjusted["outcome"], adjusted["adjusts"]) == ("adjusted", before["entries"][0]["id"])
    assert adjusted["lines"][0]["amount_usd"] == adjusted["cost_usd"]

    (usage,) = json.loads(way.command("usage", "--format", "json"))
    assert (usage["calls"], usage["cost_usd"]) == (1, after["cost_usd"])
    with way.client() as client:
        answer = client.chat.completions.with_raw_response.create(model="sim/sim-large", messages=said("Hi"))
    cost = Decimal(answer.headers["x-fareway-cost-usd"])
    now_left = Decimal(answer.headers["x-fareway-budget-remaining-usd"])
    assert abs(now_left - (left - difference - cost)) <= Decimal("0.000000002"), "the budget has it back"
