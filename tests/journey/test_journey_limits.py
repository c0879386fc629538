"""Budgets and rate limits as a caller meets them, and what a refusal says."""

import asyncio
import threading
from decimal import Decimal

import openai
import pytest
from road import NANOS, eventually, road, said, spent
from upstream import OK, Reply, upstream

pytestmark = pytest.mark.xdist_group("limits")

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
limits:
  - {node: team:poor, amount: 0.00006 usd, window: month, hold: strict}
  - {node: team:careful, amount: 0.001 usd, window: month, hold: strict}
  - {node: team:huge, amount: 0.00006 usd, window: month, timezone: Europe/Zurich}
  - {node: team:soft, amount: 0.00001 usd, window: month, mode: soft}
  - {node: team:shadow, amount: 0.00001 usd, window: day, mode: shadow}
  - {node: team:thrice, amount: 3 requests, window: lifetime}
  - {node: team:wordy, amount: 300 tokens, window: lifetime}
  - {node: team:two, amount: 2 concurrent}
  - {node: "user:*", amount: 2 requests, window: lifetime}
"""
PICTURES = """
providers: {up: {base_url: UP_URL/up/v1, prices: own}}
models:
  pics: {deployments: [up/gpt-4o-mini]}
aliases: {look-at-this-1: pics}
prices: {overrides: [{provider: own, model: gpt-4o-mini, input: 0.15/M, output: 0.60/M}]}
limits:
  - {node: all, amount: 0.004 usd, window: month, hold: strict}
"""
CALL = {"model": "sim-small", "messages": said("Go. [[sim: tokens=20]]"), "max_tokens": 20}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("limits"), CONFIG) as found:
        yield found


def refused(way, key, **asked):
    """Make a call that must be refused, with the client's retries on; nothing reaches the provider."""
    billed, entries = len(way.bill()), len(way.entries())
    before = sum_of_refusals(way)
    with way.client(key, max_retries=2) as client, pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(**(CALL | asked))
    assert len(way.bill()) == billed
    assert len(way.entries()) == entries
    return raised.value, sum_of_refusals(way) - before


def until_refused(way, key):
    """Calls, one after another, until a limit refuses."""
    with way.client(key) as client:
        while True:
            try:
                raw = client.chat.completions.with_raw_response.create(**CALL)
            except openai.RateLimitError:
                return
            yield raw, raw.parse()


def sum_of_refusals(way):
    lines = [line for line in way.metrics().splitlines() if line.startswith("fareway_refusals_total{")]
    return sum(float(line.split()[-1]) for line in lines)


def test_a_hard_budget_is_never_passed(way):
    """Calls pass until the money is gone; then one attempt, one refusal, and all the figures that help."""
    key, costs = way.key("--team", "poor"), []
    for raw, _ in until_refused(way, key):
        costs.append(Decimal(raw.headers["x-fareway-cost-usd"]))
        assert Decimal(raw.headers["x-fareway-budget-remaining-usd"]) == Decimal("0.00006") - sum(costs)
    assert len(costs) >= 3

    error, attempts = refused(way, key)
    assert attempts == 1, "the client must not try again"
    assert error.code == error.type == "insufficient_quota"
    head = error.response.headers
    assert head["x-should-retry"] == "false"
    assert "retry-after" not in head
    assert head["x-fareway-budget-scope"] == "team:poor"
    assert head["x-fareway-limit-reason"] == "exhausted"
    left = Decimal("0.00006") - sum(costs)
    message = error.body["message"]
    for figure in ("team:poor", "month", f"${sum(costs)}", "$0.00006", head["x-fareway-budget-reset"]):
        assert figure in message, (figure, message)
    assert key not in message
    assert left < max(costs), "refused for money only when it is gone"
    own = [line for line in way.entries() if line["team"] == "poor"]
    assert spent(own) == sum(costs) <= Decimal("0.00006")


def test_a_call_that_is_too_big_says_so(way):
    key = way.key("--team", "huge")
    error, attempts = refused(way, key, max_tokens=1_000_000)
    assert attempts == 1
    assert error.code == "insufficient_quota"
    assert error.response.headers["x-fareway-limit-reason"] == "too_big"
    assert error.response.headers["x-should-retry"] == "false"
    with way.client(key) as client:
        assert client.chat.completions.create(**CALL).choices, "a smaller one passes"


NOISE = "z9Kq" * 10_000
SOUND = {"type": "input_audio", "input_audio": {"data": NOISE, "format": "mp3"}}
SHAPE = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "string", "description": NOISE}}}


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": [{"role": "user", "content": [SOUND]}]},
        {"messages": [{"role": "assistant", "content": "", "reasoning_content": NOISE}]},
        {"response_format": SHAPE},
        {"extra_body": {"guided_json": NOISE}},
    ],
)
def test_no_part_of_a_prompt_is_left_out_where_its_bytes_are_too_many(way, asked):
    error, _ = refused(way, way.key("--team", "careful"), **asked)
    assert error.response.headers["x-fareway-limit-reason"] == "too_big"


def test_a_prompt_of_fewer_tokens_than_bytes_is_counted_and_passes(way):
    plain = said("It is all quite new to me. " * 1000 + "[[sim: tokens=2]]")
    with way.client(way.key("--team", "careful")) as client:
        assert client.chat.completions.create(**(CALL | {"messages": plain})).choices


@pytest.mark.parametrize("team", ["soft", "shadow"])
def test_a_soft_limit_lets_pass_and_counts(way, team):
    with way.client(way.key("--team", team)) as client:
        for _ in range(4):
            assert client.chat.completions.create(**CALL).choices
    own = [line for line in way.entries() if line["team"] == team]
    (account,) = [amount for name, amount in way.balances().items() if name.startswith(f"team:{team}/")]
    assert account == spent(own) * NANOS > 10_000, "more than the limit"


def test_so_many_requests(way):
    key = way.key("--team", "thrice")
    with way.client(key) as client:
        for _ in range(3):
            client.chat.completions.create(**CALL)
    error, attempts = refused(way, key)
    assert attempts == 1
    assert error.code == "rate_limit_exceeded"
    assert error.type == "requests"
    assert "3 requests" in error.body["message"]
    assert "team:thrice" in error.body["message"]


def test_a_star_gives_everybody_a_limit_of_his_own(way):
    for user in ("ann", "ben"):
        key = way.key("--user", user)
        with way.client(key) as client:
            for _ in range(2):
                client.chat.completions.create(**CALL)
        error, _ = refused(way, key)
        assert error.response.headers["x-fareway-budget-scope"] == f"user:{user}"


def test_so_many_tokens(way):
    key = way.key("--team", "wordy")
    used = sum(answer.usage.total_tokens for _, answer in until_refused(way, key))
    error, _ = refused(way, key)
    assert error.code == "rate_limit_exceeded"
    assert error.type == "tokens"
    assert "300 tokens" in error.body["message"]
    assert 200 < used <= 300
    (account,) = [amount for name, amount in way.balances().items() if name.startswith("team:wordy/tokens")]
    assert account == used


def test_so_many_at_once(way):
    """The third is told to come back in a moment; once one of the two is over it passes."""
    key, stop = way.key("--team", "two"), threading.Event()
    slow = CALL | {"messages": said("Slowly. [[sim: tokens=2000 tps=50]]"), "max_tokens": 2000, "stream": True}
    with way.client(key) as client:

        def read():
            with client.chat.completions.create(**slow) as stream:
                for _ in stream:
                    if stop.is_set():
                        break

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        eventually(lambda: way.metric("fareway_inflight_requests") == 2)
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(**CALL)
        stop.set()
        for reader in readers:
            reader.join()
        assert raised.value.code == "rate_limit_exceeded"
        assert raised.value.response.headers["retry-after"] == "1"
        assert "x-should-retry" not in raised.value.response.headers
        assert "2 concurrent" in raised.value.body["message"]
        way.rest()
        assert client.chat.completions.create(**CALL).choices


async def test_held_money_is_worth_waiting_for(way):
    """While calls in flight hold the rest, a refusal says that trying again helps, and the client does."""
    key = way.key("--team", "huge")
    with way.client(key) as client:
        client.chat.completions.create(**CALL)
    most = CALL | {"max_tokens": 60, "messages": said("Wait. [[sim: tokens=20 slow_headers=0.7]]")}
    async with way.aclient(key) as once, way.aclient(key, max_retries=5) as patient:
        first = asyncio.ensure_future(once.chat.completions.create(**most))
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") == 1)
        with pytest.raises(openai.RateLimitError) as raised:
            await once.chat.completions.create(**most)
        assert raised.value.response.headers["x-fareway-limit-reason"] == "held"
        assert raised.value.response.headers["retry-after"] == "1"
        assert (await patient.chat.completions.create(**CALL)).choices
        assert (await first).choices


@pytest.mark.parametrize("name", ["up/gpt-4o-mini", "look-at-this-1", "pics"])
def test_the_money_held_does_not_depend_on_the_name(tmp_path, name):
    """An alias says nothing about the model: what a picture may cost at the model behind it is held, and refused."""
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]
    with upstream() as up, road(tmp_path, PICTURES.replace("UP_URL", up.url)) as way, way.client() as client:
        up.replies["up"] = [Reply(OK.replace(b'"prompt_tokens":9', b'"prompt_tokens":36835'))]
        with pytest.raises(openai.RateLimitError):  # 36,835 tokens, as this model counts a large picture, are $0.0055.
            client.chat.completions.create(model=name, messages=asked, max_tokens=10)
        assert up.got["up"] == []
