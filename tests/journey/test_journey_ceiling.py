"""`x-fareway-max-cost`: what one call may cost, whatever its key could afford."""

from decimal import Decimal

import openai
import pytest
from road import PROVIDERS, eventually, road, said

PATIENCE = 10
LIMITS = "limits:\n  - {node: all, amount: 1 usd, window: lifetime}\n"


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("ceiling"), PROVIDERS + LIMITS, "--tokens-per-second", "400") as running:
        yield running


@pytest.fixture
def client(way):
    with way.client() as made:
        yield made


def ask(client, ceiling, **more):
    """A call with a ceiling, in dollars."""
    return client.chat.completions.with_raw_response.create(
        model="sim-small", messages=said("Hello!"), extra_headers={"x-fareway-max-cost": ceiling}, **more
    )


def test_a_call_within_its_ceiling_passes(way, client):
    raw = ask(client, "0.001", max_tokens=100)
    assert Decimal(raw.headers["x-fareway-cost-usd"]) <= Decimal("0.001")
    (line,) = way.entries_of(raw.headers["x-fareway-request-id"])
    assert not any("max-cost" in account for account in line["charges"]), "a ceiling is nobody's account"


def test_a_call_that_could_cost_more_is_refused_before_it_leaves(way, client):
    before = len(way.bill())
    with pytest.raises(openai.RateLimitError) as raised:
        ask(client, "0.00001", max_tokens=1000)
    told = raised.value.response
    assert told.headers["x-fareway-budget-scope"] == "x-fareway-max-cost"
    assert told.headers["x-fareway-limit-reason"] == "too_big"
    assert told.headers["x-should-retry"] == "false"
    assert "$0.00001" in told.json()["error"]["message"]
    assert len(way.bill()) == before


def test_a_stream_ends_properly_at_its_ceiling(way, client):
    """Also while nobody can count tokens yet: the first one loads the vocabulary."""
    costs = []
    while not costs or costs[-1] < Decimal("0.0002"):
        costs.append(stopped_at_its_ceiling(way, client, "0.0003"))
        assert len(costs) < PATIENCE, "most of it is used, once tokens can be counted"
    assert max(costs) <= Decimal("0.0003")


def stopped_at_its_ceiling(way, client, ceiling):
    raw = ask(client, ceiling, stream=True, extra_body={"messages": said("Much. [[sim: tokens=3000 tps=2000]]")})
    request_id = raw.headers["x-fareway-request-id"]
    with pytest.raises(openai.APIError, match="max-cost"), raw.parse() as chunks:
        list(chunks)
    eventually(lambda: way.entries_of(request_id))
    (line,) = way.entries_of(request_id)
    assert line["outcome"] == "stopped"
    return Decimal(line["cost_picos"]) / 10**12


@pytest.mark.parametrize("ceiling", ["", "much", "0", "-1", "1e9", "nan"])
def test_what_is_no_amount_is_refused(client, ceiling):
    with pytest.raises(openai.BadRequestError, match="x-fareway-max-cost"):
        ask(client, ceiling)
