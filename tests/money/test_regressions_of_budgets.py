"""Public bugs of others that need a running gateway; those of hang-ups are in test_hang_ups.py."""

import asyncio
from decimal import Decimal

import openai
import pytest
from road import PROVIDERS, billed, road, said

BUDGET = Decimal("0.002")
LIMITS = f"""limits:
  - {{node: "team:unknown", amount: 1 usd, window: lifetime}}
  - {{node: "user:*", amount: {BUDGET} usd, window: lifetime, hold: strict}}
"""


@pytest.fixture
def way(tmp_path):
    with road(tmp_path, PROVIDERS + LIMITS, "--first-token-ms", "100") as running:
        yield running


def test_12_litellm_35524_27509_without_a_price_nothing_leaves_under_a_hard_budget(way):
    """There the hold was skipped where the cost could not be estimated, and calls went out unheld."""
    with way.client(way.key("--team=unknown")) as client, pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="sim/nobody-has-priced-this", messages=said("Hi"), max_tokens=5)
    assert raised.value.response.json()["error"]["code"] == "no_price"
    assert way.bill() == []


async def test_13_litellm_40095_14_gbrain_4365_concurrent_first_calls_do_not_pass_a_default_budget(way):
    """There the first calls of an unknown user came before its default budget, and holds were not summed."""
    key = way.key("--user=new")
    async with way.aclient(key) as client:
        calls = [
            client.chat.completions.create(model="sim-small", messages=said(f"{n}"), max_tokens=400) for n in range(60)
        ]
        done = await asyncio.gather(*calls, return_exceptions=True)
    refused = [one for one in done if isinstance(one, openai.RateLimitError)]
    assert refused
    assert len(refused) < len(done)
    way.rest()
    assert 0 < billed(way.bill()) <= BUDGET
