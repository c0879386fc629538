"""Policies that read more than prices, over sockets: how fast a budget burns, and how long answers take."""

from __future__ import annotations

import time

import pytest
from road import PATIENCE_S, road, said

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
tiers: {premium: [sim/sim-large], standard: [sim/sim-medium], economy: [sim/sim-small]}
auto: {policy: policies.pressure}
limits: [{node: all, amount: 1 usd, window: rolling 1h}]
models: {m: {deployments: [sim/sim-caching]}}
routing: {policy: policies.sla, params: {first_token: 60s, explore: 0%}}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(
        tmp_path_factory.mktemp("policies"), CONFIG, "--tokens-per-second", "0", "--first-token-ms", "0"
    ) as found:
        yield found


def told(client, model, **more):
    asking = {"model": model, "messages": said("Hello"), "max_tokens": 200} | more
    return client.chat.completions.with_raw_response.create(**asking).headers


def test_a_budget_that_burns_too_fast_moves_calls_to_a_cheaper_tier(way):
    """The budget is looked at once a second."""
    with way.client() as client:
        headers = told(client, "auto")
        assert headers["x-fareway-tier"] == "premium"
        assert "the budget burns at 0." in headers["x-fareway-route-reason"]
        deadline = time.monotonic() + PATIENCE_S
        while (headers := told(client, "auto"))["x-fareway-tier"] != "economy":
            assert time.monotonic() < deadline, headers["x-fareway-route-reason"]
        assert "economy, as the budget burns at" in headers["x-fareway-route-reason"]


def test_once_enough_is_known_the_cheapest_in_time_is_taken(way):
    with way.client() as client:
        headers = told(client, "m")
        assert "nothing is known yet" in headers["x-fareway-route-reason"]
        for _ in range(8):
            headers = told(client, "m")
        assert "cheapest of 1 that answer within 60000 ms" in headers["x-fareway-route-reason"]


def test_time_to_the_first_token_counts_from_asking(way):
    """Also where the provider keeps even its head back until then."""
    with (
        way.client() as client,
        client.chat.completions.with_streaming_response.create(
            model="sim/sim-small",
            messages=said("Hello"),
            max_tokens=5,
            stream=True,
            extra_headers={"x-sim": "slow_headers=0.3"},
        ) as answer,
    ):
        answer.read()
        request_id = answer.headers["x-fareway-request-id"]
    (line,) = way.entries_of(request_id)
    assert line["entry"]["first_token_ms"] >= 300
