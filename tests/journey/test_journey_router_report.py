"""`fareway router report` over the ledger of a real gateway, while it runs and after."""

import json
from decimal import Decimal

import pytest
from road import RATES, road, said, spent

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
tiers: {premium: [sim/sim-large], economy: [sim/sim-small]}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("report"), CONFIG) as found:
        yield found


def test_without_calls_there_is_nothing_to_report(way):
    assert (
        "no calls in that time" in way.command("router", "report", "--since", "2020-01-01", status=3) or way.entries()
    )


def test_what_is_saved_is_what_the_dear_model_would_have_cost(way):
    with way.client() as client:
        for number in range(12):
            hard = "Prove the theorem step by step, and analyze the algorithm: ```def f(x): return x```"
            text = hard if number % 3 == 0 else f"Hello {number}"
            headers = {"x-fareway-session": f"talk-{number}"}
            client.chat.completions.create(model="auto", messages=said(text), extra_headers=headers)
        client.chat.completions.create(model="sim-small", messages=said("Hello"))
    lines = [line for line in way.entries() if line["asked_model"] == "auto"]
    assert {line["model"] for line in lines} == {"sim-large", "sim-small"}
    told = json.loads(way.command("router", "report", "--format", "json"))
    assert told["calls_with_a_choice"] == 12
    assert told["calls_without_one"] == 1
    assert Decimal(told["answers_usd"]) == spent(lines)
    assert told["classifiers_usd"] == "0.00"
    rows = {row["beside"]: row for row in told["rows"]}
    given, cached, made = RATES["sim-large"]
    large = sum(
        (line["input_tokens"] - line["cached_tokens"]) * given
        + line["cached_tokens"] * cached
        + line["output_tokens"] * made
        for line in lines
    )
    asked = rows["asked-for"]
    assert asked["which"] == "sim/sim-large"
    assert Decimal(asked["gross_usd"]) == large / 1_000_000 - spent(lines)
    assert Decimal(asked["net_usd"]) == Decimal(asked["gross_usd"]) - Decimal(asked["lost_cache_usd"])
    assert asked["verdict"] == "saves"
    assert Decimal(asked["low_usd"]) > 0
    assert rows["best fixed"]["which"] == "sim/sim-large", "nobody has rated anything: the cheapest of the best tier"
    assert rows["same shares by lot"]["verdict"] in {"saves", "costs", "not told from zero"}
    assert any("callers have said too little" in note for note in told["notes"])


def test_it_reads_as_a_table_and_after_the_gateway_has_stopped(way):
    assert way.gate.stop() == 0
    text = way.command("router", "report", "--since", "1d")
    assert "best fixed" in text
    assert "Intervals: 95 %, by the bootstrap over 12 conversations" in text
    way.gate.start()
