"""Three books tell the same story: the provider's bill, our ledger, and the accounts of the limits."""

import asyncio
import random
from collections import Counter
from decimal import Decimal

import openai
import pytest
from road import NANOS, billed, fare, road, said, spent

pytestmark = pytest.mark.xdist_group("books")

SEED = 20261121
CALLS = 200
CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
  twin: {base_url: SIM_URL/v1, prices: sim, key: SECRET}
  gone: {base_url: "http://127.0.0.1:9/v1", prices: sim}
routing: {policy: policies.weighted, breaker: {failures: 1000}}
models:
  relay: {deployments: [sim/sim-small, {to: twin/sim-small, weight: 0}]}
  rescue: {deployments: [gone/sim-medium, {to: sim/sim-medium, weight: 0}]}
limits:
  - {node: all, amount: 5000 usd, window: month}
  - {node: "team:*", amount: 1000 usd, window: month}
  - {node: "key:*", amount: 500 usd, window: lifetime}
  - {node: "team:*", amount: 100000000 tokens, window: lifetime}
  - {node: "team:*", amount: 100000 requests, window: lifetime}
"""
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"properties": {"at": {"type": "string"}}}}}
LONG = " ".join(["river and road"] * 500)


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("books"), CONFIG) as found:
        yield found


def draw(chance, number):
    """One call of the mix: what to ask, whether streamed, and whether it should fail."""
    text = f"Call number {number}."
    kind = chance.choice(["plain", "plain", "stream", "stream", "tool", "prefix", "embed", "error", "relay", "rescue"])
    asked = {"model": chance.choice(["sim/sim-small", "sim/sim-medium", "sim/sim-large"]), "messages": said(text)}
    match kind:
        case "stream":
            asked |= {"stream": True, "n": chance.choice([1, 2])}
            if chance.random() < 0.5:
                asked["stream_options"] = {"include_usage": True}
        case "tool":
            asked |= {"messages": said(f"{text} Use the tool."), "tools": [TOOL], "stream": chance.random() < 0.5}
        case "prefix":  # The beginning is the same for all, so all but the first of a model read it from the cache.
            asked["messages"] = [{"role": "system", "content": LONG}, *said(text)]
        case "error":
            asked["messages"] = said(f"{text} [[sim: fail={chance.choice([400, 404, 422])}]]")
        case "relay":
            asked |= {"model": "relay", "messages": said(f"{text} [[sim: fail=500 fail_first=1]]")}
        case "rescue":
            asked |= {"model": "rescue", "stream": chance.random() < 0.5}
    return kind, asked


async def ask(client, kind, asked):
    """Make the call; returns what it is counted as."""
    if kind == "embed":
        await client.embeddings.create(model="sim/sim-embed", input=asked["messages"][0]["content"])
        return kind
    try:
        answer = await client.chat.completions.create(**asked)
        if asked.get("stream"):
            async with answer:
                assert [chunk async for chunk in answer]
    except (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError):
        return "error"
    return kind


async def test_three_books_agree(way):
    """After a mix of calls the sums are equal to the pico-dollar, by request and in all."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    keys = [way.key("--team", team, "--user", f"{team}-{i}") for team in ("red", "blue") for i in range(2)]
    calls = [draw(chance, number) for number in range(CALLS)]
    clients = [way.aclient(key) for key in keys]
    at_once = asyncio.Semaphore(12)

    async def one(number):
        async with at_once:
            return await ask(clients[number % len(clients)], *calls[number])

    counted = Counter(await asyncio.gather(*map(one, range(CALLS))))
    for client in clients:
        await client.close()
    print(dict(counted))
    assert counted == Counter(kind for kind, _ in calls)

    lines, bill = way.entries(), way.bill()
    by_request = {line["request_id"]: line for line in lines}
    assert len(lines) == len(by_request) == len(bill) == CALLS - counted["error"]
    for charge in bill:
        line = by_request[charge["gateway_request_id"]]
        assert spent([line]) == Decimal(charge["cost_usd"]), (line, charge)
        assert line["cached_tokens"] == charge["cached_tokens"]
    assert {line["cost_status"] for line in lines} == {"exact"}
    assert {line["outcome"] for line in lines} == {"ok"}
    assert sum(line["cached_tokens"] > 0 for line in lines) >= counted["prefix"] - 6, "prefixes are cached"
    assert sum(bool(line["entry"]["attempts"]) for line in lines) == counted["relay"] + counted["rescue"]

    total = billed(bill)
    assert spent(lines) == total > 0
    balances = way.balances()
    sums = Counter()
    for account, amount in balances.items():
        node, unit, _ = account.split("/", 2)
        sums[node.partition(":")[0], unit] += amount
    tokens = sum(charge["prompt_tokens"] + charge["completion_tokens"] for charge in bill)
    nanos = total * NANOS
    assert sums == {
        ("all", "usd"): nanos,
        ("team", "usd"): nanos,
        ("key", "usd"): nanos,
        ("team", "tokens"): tokens,
        ("team", "requests"): len(bill),
    }
    for team in ("red", "blue"):
        own = [line for line in lines if line["team"] == team]
        (account,) = [amount for name, amount in balances.items() if name.startswith(f"team:{team}/usd/month")]
        assert account == spent(own) * NANOS
    print(f"{len(bill)} calls on the bill, ${total} in every book")


def test_the_second_time_the_beginning_is_cached(way):
    """A prompt of more than 1,024 tokens sent twice: the second is cheaper, and the receipt knows by how much."""
    messages = [{"role": "system", "content": "Once more: " + LONG}, *said("Go on.")]
    with way.client() as client:
        raws = [
            client.chat.completions.with_raw_response.create(model="sim/sim-large", messages=messages) for _ in range(2)
        ]
    first, second = (raw.parse().usage for raw in raws)
    assert first.prompt_tokens == second.prompt_tokens > 1024
    assert first.prompt_tokens_details.cached_tokens == 0
    assert second.prompt_tokens_details.cached_tokens >= 1024
    costs = [Decimal(raw.headers["x-fareway-cost-usd"]) for raw in raws]
    assert costs == [fare("sim-large", first), fare("sim-large", second)]
    assert costs[1] < costs[0]
