"""Other models that a provider may run within a call are held for: none of them makes it cost more than it holds."""

import contextlib
import json
from decimal import Decimal

import anthropic
import harness
import pytest
from upstream import Reply, upstream

from gateway.core.money import Money
from gateway.core.price import Price, Rates, Schedule
from gateway.core.request import Facts, Request
from gateway.dialects.batches import BATCH
from gateway.journey.besides import Beside, worst_beside

pytestmark = pytest.mark.xdist_group("anthropic")

CONFIG = "providers:\n  anthropic: {base_url: URL/anthropic/v1}\n"
LIMITS = 'limits:\n  - {node: "key:*", amount: 10 usd, window: lifetime, hold: strict}\n'
ASKED = {"model": "claude-haiku-4-5", "max_tokens": 8000, "messages": [{"role": "user", "content": "Hi"}]}
FALLBACK = {"extra_body": {"fallbacks": [{"model": "claude-opus-4-8"}]}}
ADVISOR = {"tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-8", "max_tokens": 8000}]}
NONSENSE = {"extra_body": {"fallbacks": [{"model": "nobody-knows-its-price"}]}}
MADE = {"input_tokens": 10, "output_tokens": 8000}
DECLINED = {"type": "message", "model": "claude-haiku-4-5", **MADE}
SERVED = {"type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 8010, "output_tokens": 8000}
ANSWER = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "model": "claude-opus-4-8",
    "stop_sequence": None,
    "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "Hello"}],
    "usage": {**MADE, "iterations": [DECLINED, SERVED]},
}


@pytest.fixture(scope="module")
def provider():
    with upstream() as running:
        running.replies["anthropic"] = [Reply(json.dumps(ANSWER).encode())]
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    config = CONFIG.replace("URL", provider.url) + LIMITS
    running = harness.gateway(tmp_path_factory.mktemp("besides"), config, env={"ANTHROPIC_API_KEY": "theirs"})
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(gate):
    with anthropic.Anthropic(base_url=gate.url, api_key=gate.tokens[1], max_retries=0) as found:
        yield found


def ask(client, ceiling, **more):
    return client.messages.with_raw_response.create(**ASKED, **more, extra_headers={"x-fareway-max-cost": ceiling})


@pytest.mark.parametrize("other", [FALLBACK, ADVISOR])
def test_a_call_whose_other_model_passes_its_ceiling_never_leaves(provider, client, other):
    before = len(provider.got["anthropic"])
    assert ask(client, "0.05").parse(), "alone it fits"
    with pytest.raises(anthropic.RateLimitError, match="max-cost"):
        ask(client, "0.05", **other)
    assert len(provider.got["anthropic"]) == before + 1


def test_a_model_that_declines_late_and_the_one_in_its_place_cost_no_more_than_was_held(client):
    cost = float(ask(client, "0.50", **FALLBACK).headers["x-fareway-cost-usd"])
    assert cost == pytest.approx(0.00001 + 0.04 + 0.04005 + 0.2)
    with pytest.raises(anthropic.RateLimitError, match="max-cost"):
        ask(client, str(cost), **FALLBACK)


def event(kind, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


FIRST = {"content": [], "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
BEGUN = event("message_start", message=ANSWER | FIRST)
ADVISED = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "It is all quite new to me."})
CUT = Reply(BEGUN + ADVISED, content_type="text/event-stream")
WITHOUT_USAGE = Reply(json.dumps({name: said for name, said in ANSWER.items() if name != "usage"}).encode())


@pytest.mark.parametrize("reply", [CUT, WITHOUT_USAGE])
@pytest.mark.parametrize("other", [FALLBACK, ADVISOR, {}])
def test_where_nobody_says_what_other_models_made_all_that_was_held_is_booked(
    monkeypatch, provider, gate, client, *, reply, other
):
    """It may be far more than the model asked would have cost: the caller could read it, and break off, each time."""
    monkeypatch.setitem(provider.replies, "anthropic", [reply])
    raw = ask(client, "2", **other, stream=reply is CUT)
    with contextlib.suppress(anthropic.APIStatusError):
        list(raw.parse())
    entry = harness.get(f"{gate.url}/v1/requests/{raw.headers['x-fareway-request-id']}", gate.tokens[1])["entries"][0]
    assert entry["cost_status"] == ("uncertain" if other else "estimated")
    assert (Decimal(entry["cost_usd"]) == Decimal(entry["held_usd"])) == bool(other)


def test_where_money_is_limited_an_other_model_needs_a_price(provider, client):
    before = len(provider.got["anthropic"])
    with pytest.raises(anthropic.APIStatusError, match="no price is known"):
        client.messages.create(**ASKED, **NONSENSE)
    with pytest.raises(anthropic.APIStatusError, match="no price is known"):
        client.messages.batches.create(requests=[{"custom_id": "c", "params": ASKED | NONSENSE["extra_body"]}])
    assert len(provider.got["anthropic"]) == before


def test_counting_names_others_for_nothing(client):
    assert client.messages.count_tokens(
        model=ASKED["model"], messages=ASKED["messages"], extra_body=NONSENSE["extra_body"]
    )


def test_a_batch_is_charged_for_its_other_models_too(client):
    """A hundred calls could cost $2 alone, in a batch, and $16 with the other model."""
    params = ASKED | FALLBACK["extra_body"]
    with pytest.raises(anthropic.RateLimitError):
        client.messages.batches.create(requests=[{"custom_id": f"call-{n}", "params": params} for n in range(100)])


def flat(picos, **tiers):
    rates = {name: Schedule(Rates(*[each] * 14)) for name, each in tiers.items()}
    return Price("p", Schedule(Rates(*[picos] * 14)), rates)


def adds(*besides, given=100, made=10):
    return worst_beside(besides, flat(1), Request("r", "k", "d", Facts("m"), given), made).picos


@pytest.mark.parametrize(
    ("besides", "picos"),
    [
        ([Beside(flat(7), "")], (110 + 10) * 7),
        ([Beside(flat(7), "", 3)], (110 + 3) * 7),
        ([Beside(flat(7), "", 3), Beside(flat(2), "")], (110 + 3) * 7 + (113 + 10) * 2),
        ([Beside(flat(7, fast=9), "fast")], (110 + 10) * 9),
        ([Beside(flat(7), "", 5, advises=1)], (115 + 5) * 7 + 115),
        ([Beside(flat(7), "", 5, advises=3)], 3 * ((125 + 5) * 7 + 125)),
        ([Beside(flat(7), "", 5, advises=1), Beside(flat(2), "")], (110 + 10) * 2 + (125 + 5) * 7 + 125 * 2),
        ([Beside(None, "")], 0),
    ],
)
def test_each_reads_all_that_was_said_before_it(besides, picos):
    assert adds(*besides) == picos


def test_the_price_of_batches_is_that_of_the_others_too():
    assert adds(Beside(flat(8, batch=4), "").under(BATCH)) == 120 * 4
    assert adds(Beside(flat(8, batch=4, fast=9), "fast").under(BATCH)) == 120 * 9
    assert Beside(None, "").under(BATCH) == Beside(None, "")
    assert Money(adds()) == Money()
