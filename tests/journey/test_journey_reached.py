"""Where a limit knows another way than to refuse: less output, a cheaper tier, a place in the line."""

import asyncio
import json
from decimal import Decimal

import anthropic
import harness
import openai
import pytest
from road import eventually, road, said
from upstream import OK, Reply, upstream

pytestmark = pytest.mark.xdist_group("reached")

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
tiers: {premium: [sim/sim-large], standard: [sim/sim-medium], economy: [sim/sim-small]}
limits:
  - {node: team:fit, amount: 0.0002 usd, window: lifetime, on_reached: fit}
  - {node: "user:*", amount: 0.0001 usd, window: lifetime}
  - {node: team:words, amount: 500 tokens, window: lifetime, on_reached: fit}
  - {node: team:cheap, amount: 0.002 usd, window: lifetime, on_reached: downgrade economy}
  - {node: team:soft, amount: 0.00001 usd, window: lifetime, mode: soft}
  - {node: team:shadow, amount: 0.00001 usd, window: lifetime, mode: shadow}
  - {node: team:careful, amount: 1 usd, window: lifetime}
  - {node: team:one, amount: 1 concurrent, on_reached: queue 20s}
  - {node: team:brief, amount: 1 concurrent, on_reached: queue 300ms}
  - {node: team:pace, amount: 2 requests, window: second, on_reached: queue 20s}
  - {node: team:day, amount: 1 requests, window: day, on_reached: queue 1s}
  - {node: team:money, amount: 0.0002 usd, window: lifetime, on_reached: queue 20s}
"""
FITTED = "x-fareway-fitted"
LONG = {"model": "sim-small", "messages": said("Much. [[sim: tokens=3000]]"), "max_tokens": 4000}
SHORT = {"model": "sim-small", "messages": said("Go. [[sim: tokens=20]]"), "max_tokens": 20}
SLOW = SHORT | {"messages": said("Wait. [[sim: tokens=20 slow_headers=0.7]]")}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("reached"), CONFIG) as found:
        yield found


def ask(way, key, **asked):
    with way.client(key) as client:
        raw = client.chat.completions.with_raw_response.create(**asked)
        answer = raw.parse()
        return raw.headers, list(answer) if asked.get("stream") else answer


def entry_of(way, headers):
    (line,) = way.entries_of(headers["x-fareway-request-id"])
    return line["entry"]


def test_an_answer_is_cut_to_what_the_money_left_can_pay(way):
    key, costs = way.key("--team", "fit"), []
    while True:
        try:
            headers, answer = ask(way, key, **LONG)
        except openai.RateLimitError:
            break
        fitted = int(headers[FITTED])
        assert 16 <= answer.usage.completion_tokens <= fitted
        assert (
            f"cut down to {fitted} tokens of output, for which team:fit has enough left"
            in entry_of(way, headers)["reason"]
        )
        costs.append(Decimal(headers["x-fareway-cost-usd"]))
    assert costs
    assert Decimal("0.00018") < sum(costs) <= Decimal("0.0002"), "nearly all is used, and never more"


def test_a_call_that_fits_is_not_touched(way):
    headers, _ = ask(way, way.key("--team", "careful"), **SHORT)
    assert FITTED not in headers
    assert "x-fareway-queued-ms" not in headers


def test_a_stream_is_cut_as_well_and_ends_as_its_provider_ends_it(way):
    """Its budget pays for 248 tokens of output or so, which is less than a stream begins with."""
    asked = LONG | {"stream": True, "stream_options": {"include_usage": True}}
    headers, chunks = ask(way, way.key("--user", "sue"), **asked, extra_headers={"x-fareway-fit": "allow"})
    made = chunks[-1].usage.completion_tokens
    assert made == int(headers[FITTED])
    assert 200 < made < 250


def test_the_caller_may_allow_it_where_its_limit_does_not(way):
    key = way.key("--user", "ann")
    with pytest.raises(openai.RateLimitError):
        ask(way, key, **LONG)
    for asked in (LONG, LONG | {"max_tokens": 1}):  # Also where nothing refuses.
        with pytest.raises(openai.BadRequestError, match="x-fareway-fit must be allow"):
            ask(way, key, **asked, extra_headers={"x-fareway-fit": "please"})
    headers, answer = ask(way, key, **LONG, extra_headers={"x-fareway-fit": "allow"})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == int(headers[FITTED])


def test_an_answer_is_cut_to_a_ceiling_of_its_own(way):
    ways = {"x-fareway-fit": "allow", "x-fareway-max-cost": "0.00005"}
    headers, _ = ask(way, way.key("--team", "careful"), **LONG, extra_headers=ways)
    assert Decimal(headers["x-fareway-cost-usd"]) <= Decimal("0.00005")
    assert "x-fareway-max-cost has enough left" in entry_of(way, headers)["reason"]


def test_an_answer_is_cut_to_a_limit_on_tokens(way):
    headers, answer = ask(way, way.key("--team", "words"), **LONG)
    assert answer.usage.total_tokens <= 500
    assert answer.usage.completion_tokens == int(headers[FITTED]) > 400


def test_nothing_is_cut_that_is_refused_for_another_reason(way):
    """Its prompt alone costs too much."""
    asked = LONG | {"messages": said("word " * 4000)}
    with pytest.raises(openai.RateLimitError):
        ask(way, way.key("--user", "bob"), **asked, extra_headers={"x-fareway-fit": "allow"})


def test_an_answer_that_was_cut_is_kept_for_nobody(way):
    """A key's answers are given again, but not one that was made for an empty purse."""
    key = way.key("--team", "careful", "--cache")
    ways = {"x-fareway-fit": "allow", "x-fareway-max-cost": "0.00005"}
    for _ in range(2):
        headers, _ = ask(way, key, **LONG, extra_headers=ways)
        assert headers["x-fareway-cache"] == "miss"
        assert FITTED in headers


def test_a_tier_is_asked_where_the_money_does_not_reach_further(way):
    key = way.key("--team", "cheap")
    headers, answer = ask(way, key, **LONG | {"model": "sim-large", "max_tokens": 1000})
    assert headers["x-fareway-downgraded"] == "economy"
    assert headers["x-fareway-model"] == answer.model == "sim-small"
    entry = entry_of(way, headers)
    assert entry["asked_model"] == "sim-large"
    assert entry["reason"].startswith("cheapest of 1: sim/sim-small")
    assert entry["reason"].endswith("downgraded to economy, for team:cheap has not enough left")
    headers, _ = ask(way, key, **SHORT | {"model": "sim-large"})
    assert "x-fareway-downgraded" not in headers, "what fits is not downgraded"


def test_a_tier_whose_models_the_key_may_not_use_is_no_way(way):
    asked = LONG | {"model": "sim-large", "max_tokens": 1000}
    with pytest.raises(openai.RateLimitError) as refused:
        ask(way, way.key("--team", "cheap", "--models", "sim-large"), **asked)
    assert refused.value.response.headers["x-fareway-budget-scope"] == "team:cheap"
    for name in ("sim-small", "economy", "sim/sim-small"):
        headers, _ = ask(way, way.key("--team", "cheap", "--models", f"sim-large,{name}"), **asked)
        assert headers["x-fareway-downgraded"] == "economy"


def test_what_even_the_tier_costs_too_much_for_is_refused_or_cut(way):
    key, asked = way.key("--team", "cheap"), LONG | {"model": "sim-large", "max_tokens": 16_000}
    with pytest.raises(openai.RateLimitError):
        ask(way, key, **asked)
    headers, _ = ask(way, key, **asked, extra_headers={"x-fareway-fit": "allow"})
    assert headers["x-fareway-downgraded"] == "economy"
    assert int(headers[FITTED]) < 16_000
    assert "downgraded to economy, and cut down to" in entry_of(way, headers)["reason"]


def test_soft_and_shadow_limits_count_what_they_would_have_refused(way):
    for team, told in (("soft", "team:soft"), ("shadow", None)):
        key, name = way.key("--team", team), {"limit": f"team:{team}/usd/lifetime", "mode": team}
        before = way.metric("fareway_limit_passed_total", **name)
        for _ in range(2):
            headers, _ = ask(way, key, **LONG)
            assert headers.get("x-fareway-limit-soft") == told
        assert way.metric("fareway_limit_passed_total", **name) == before + 2


def test_a_caller_may_ask_for_a_strict_hold_and_for_no_laxer_one(way):
    key, held = way.key("--team", "careful"), {}
    for word in ("strict", "progressive"):
        asked = LONG | {"stream": True, "messages": said("Go. [[sim: tokens=20]]")}
        headers, chunks = ask(way, key, **asked, extra_headers={"x-fareway-hold": word})
        assert chunks
        eventually(lambda headers=headers: way.entries_of(headers["x-fareway-request-id"]))
        held[word] = entry_of(way, headers)["held_nanos"]
    assert held["strict"] > 4000 * 400 > held["progressive"]
    with pytest.raises(openai.BadRequestError, match="x-fareway-hold must be one of strict, progressive"):
        ask(way, key, **SHORT, extra_headers={"x-fareway-hold": "none"})


async def test_calls_wait_for_their_turn(way):
    key = way.key("--team", "one")
    async with way.aclient(key) as client:
        raws = await asyncio.gather(*(client.chat.completions.with_raw_response.create(**SHORT) for _ in range(12)))
    waited = [raw.headers.get("x-fareway-queued-ms") for raw in raws]
    assert waited.count(None) >= 1
    assert any(waited)
    (line,) = way.entries_of(
        next(r for r in raws if r.headers.get("x-fareway-queued-ms")).headers["x-fareway-request-id"]
    )
    assert "s for room" in line["entry"]["reason"]


async def test_whoever_waits_too_long_is_refused(way):
    async with way.aclient(way.key("--team", "brief")) as client:
        first = asyncio.ensure_future(client.chat.completions.create(**SLOW))
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") >= 1)
        with pytest.raises(openai.RateLimitError) as refused:
            await client.chat.completions.create(**SHORT)
        assert refused.value.response.headers["x-fareway-limit-reason"] == "held"
        assert (await first).choices


async def test_where_waiting_does_not_help_nobody_waits(way):
    async with way.aclient(way.key("--team", "day")) as client:
        await client.chat.completions.create(**SHORT)
        with pytest.raises(openai.RateLimitError) as refused:
            await client.chat.completions.create(**SHORT)
        assert refused.value.response.headers["x-fareway-limit-reason"] == "exhausted"


async def test_a_pace_is_kept_by_waiting_for_the_next_second(way):
    async with way.aclient(way.key("--team", "pace")) as client:
        answers = await asyncio.gather(*(client.chat.completions.create(**SHORT) for _ in range(7)))
    assert all(answer.choices for answer in answers)
    seconds = [int(line["at"]) for line in way.entries() if line["team"] == "pace"]
    assert len(seconds) == 7


async def test_money_that_calls_in_flight_hold_is_waited_for(way):
    """Each holds nearly half of the budget and costs a tenth of that."""
    asked = SHORT | {"max_tokens": 200}
    async with way.aclient(way.key("--team", "money")) as client:
        answers = await asyncio.gather(*(client.chat.completions.create(**asked) for _ in range(4)))
    assert all(answer.choices for answer in answers)


async def test_a_caller_that_leaves_gives_its_place_up(way):
    """It has waited for nothing that it can still use: the provider never hears of it."""
    before = len(way.bill())
    async with way.aclient(way.key("--team", "one")) as client:
        first = asyncio.ensure_future(client.chat.completions.create(**SLOW))
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") >= 1)
        gone = asyncio.ensure_future(client.chat.completions.create(**SLOW))
        await asyncio.sleep(0.2)
        gone.cancel()
        assert (await client.chat.completions.create(**SHORT)).choices
        assert (await first).choices
    way.rest()
    assert len(way.bill()) == before + 2


CLAUDE = """
providers: {anthropic: {base_url: URL/claude/v1}}
limits: [{node: all, amount: 0.004 usd, window: lifetime, on_reached: fit}]
"""
HI = [{"role": "user", "content": "Hi"}]
ANSWER = {
    "type": "message", "id": "msg_1", "role": "assistant", "model": "claude-sonnet-4-6", "stop_sequence": None,
    "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 5},
}  # fmt: skip


@pytest.fixture(scope="module")
def claude(tmp_path_factory):
    home = tmp_path_factory.mktemp("claude")
    with upstream() as up:
        up.replies["claude"] = [Reply(json.dumps(ANSWER).encode())]
        gate = harness.gateway(home, CLAUDE.replace("URL", up.url), env={"ANTHROPIC_API_KEY": "theirs"})
        try:
            with anthropic.Anthropic(base_url=gate.url, api_key=gate.tokens[1], max_retries=0) as client:
                yield client, up
        finally:
            assert gate.stop() == 0


def test_anthropics_client_gets_less_output(claude):
    client, up = claude
    raw = client.messages.with_raw_response.create(model="claude-sonnet-4-6", max_tokens=4000, messages=HI)
    sent = json.loads(up.got["claude"][-1].body)
    assert sent["max_tokens"] == int(raw.headers[FITTED]) < 300
    assert sent["messages"] == HI


def test_thoughts_that_were_asked_for_leave_no_room(claude):
    """Anthropic refuses a budget for thoughts that is not below max_tokens."""
    client, up = claude
    before = len(up.got["claude"])
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="claude-sonnet-4-6", max_tokens=4000, messages=HI, thinking=thinking)
    assert len(up.got["claude"]) == before


OTHERS = """
providers: {a: {base_url: URL/a/v1}, b: {base_url: URL/b/v1, quirks: [caps_completion_tokens]}}
models: {m: {deployments: [{to: a/x}, {to: b/x}]}}
routing: {retry: {rounds: 0}}
prices: {overrides: [{model: x, input: 1/M, output: 4/M}]}
limits: [{node: all, amount: 0.004 usd, window: lifetime, on_reached: fit}]
"""


def test_every_attempt_is_cut_and_all_share_one_hold(tmp_path):
    with upstream() as up:
        up.replies = {"a": [Reply(b"{}", status=500)], "b": [Reply(OK)]}
        gate = harness.gateway(tmp_path, OTHERS.replace("URL", up.url))
        try:
            with openai.OpenAI(base_url=f"{gate.url}/v1", api_key=gate.tokens[1], max_retries=0) as client:
                raw = client.chat.completions.with_raw_response.create(model="m", messages=HI, n=2)
        finally:
            assert gate.stop() == 0
        cap = int(raw.headers[FITTED])
        assert json.loads(up.got["a"][0].body)["max_tokens"] == cap
        assert json.loads(up.got["b"][0].body)["max_completion_tokens"] == cap
        assert cap * 2 * 4 + 100 > 4000 - 100 > 0, "two choices share the money"
        assert cap < 500
