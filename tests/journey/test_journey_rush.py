"""Many at once against a budget that does not last, and streams that outgrow their money."""

import asyncio
import json
import urllib.request
from collections import Counter
from decimal import Decimal

import openai
import pytest
from road import NANOS, billed, fare, road, said, spent

pytestmark = pytest.mark.xdist_group("rush")

LIMIT = Decimal("0.0015")
FLOW = Decimal("0.015")
CONFIG = f"""
providers: {{sim: {{base_url: SIM_URL/v1}}}}
limits:
  - {{node: "team:rush", amount: {LIMIT} usd, window: month, hold: strict}}
  - {{node: "team:flow", amount: {LIMIT} usd, window: month, hold: strict}}
  - {{node: "user:*", amount: {FLOW} usd, window: month, hold: progressive}}
"""
CALL = {"model": "sim-small", "messages": said("Rush hour. [[sim: tokens=70]]"), "max_tokens": 70}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("rush"), CONFIG) as found:
        yield found


@pytest.mark.parametrize(("team", "streamed"), [("rush", False), ("flow", True)])
async def test_a_rush_never_passes_the_budget(way, team, streamed):
    """B1: 64 callers at once against about 50 calls' money. Who is told to wait waits; who is refused, rightly."""
    key, done, refusals = way.key("--team", team), [], []

    async def one(client):
        try:
            answer = await client.chat.completions.create(**CALL, **STREAM if streamed else {})
            if streamed:
                async with answer:
                    usage = [chunk.usage async for chunk in answer][-1]
            else:
                usage = answer.usage
            done.append(fare("sim-small", usage))
        except openai.RateLimitError as error:
            refusals.append(error.response.headers["x-fareway-limit-reason"])

    async with way.aclient(key, max_retries=20) as client:
        await asyncio.gather(*(one(client) for _ in range(64)))
    own = [line for line in way.entries() if line["team"] == team]
    bill = [charge for charge in way.bill() if charge["gateway_request_id"] in {line["request_id"] for line in own}]
    assert spent(own) == billed(bill) == sum(done)
    assert spent(own) <= LIMIT, "not a pico-dollar over"
    assert len(done) + len(refusals) == 64
    assert set(refusals) == {"exhausted"}, "in the end nobody is refused for what others only hold"
    assert LIMIT - spent(own) < max(done), "and nobody while the money would have done"
    (account,) = [amount for name, amount in way.balances().items() if name.startswith(f"team:{team}/usd")]
    assert account == spent(own) * NANOS
    print(f"{team}: {len(done)} of 64 passed, {spent(own) / LIMIT:.2%} of the budget used, overspend 0")


def test_a_stream_that_outgrows_its_money_is_ended(way):
    """What is held is used, then the stream ends with an error and no end mark; the client raises."""
    key, text = way.key("--user", "long"), []
    asked = {"model": "sim-large", "messages": said("Go on for ever. [[sim: tokens=20000 tps=300]]")}
    with (
        way.client(key, max_retries=2) as client,
        pytest.raises(openai.APIError, match="user:long") as raised,
        client.chat.completions.create(**asked, stream=True) as stream,
    ):
        text += [chunk.choices[0].delta.content or "" for chunk in stream]
    assert raised.value.code == "insufficient_quota"
    (line,) = [line for line in way.entries() if line["user"] == "long"]
    (charge,) = [b for b in way.bill() if b["gateway_request_id"] == line["request_id"]]
    assert line["outcome"] == "stopped"
    assert line["cost_status"] == "estimated"
    assert charge["ended"] == "aborted", "the provider was told to stop"
    held = Decimal(line["entry"]["held_nanos"]) / NANOS
    print(f"billed ${charge['cost_usd']}, booked ${spent([line])}, held ${held}")
    assert Decimal(charge["cost_usd"]) <= spent([line]) <= held <= FLOW
    assert spent([line]) > FLOW * Decimal("0.9"), "and its money is used"


def test_such_a_stream_has_no_end_mark(way):
    key = way.key("--user", "raw")
    body = {"model": "sim-large", "messages": said("And on. [[sim: tokens=20000 tps=300]]"), "stream": True}
    request = urllib.request.Request(
        f"{way.url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        stream = answer.read()
    *_, last, end = stream.split(b"\n\n")
    assert end == b""
    assert b"[DONE]" not in stream
    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert error["code"] == "insufficient_quota"
    assert "user:raw" in error["message"]


async def test_many_growing_streams_share_a_budget(way):
    """Eight streams of one user grow until nothing is left: together they stay within it."""
    key = way.key("--user", "crowd")
    asked = {"model": "sim-medium", "messages": said("Grow. [[sim: tokens=4000 tps=200]]"), "stream": True}
    ends = Counter()

    async def one(client):
        try:
            async with await client.chat.completions.create(**asked) as stream:
                async for _ in stream:
                    pass
            ends["whole"] += 1
        except openai.RateLimitError:
            ends["refused"] += 1
        except openai.APIError:
            ends["stopped"] += 1

    async with way.aclient(key) as client:
        await asyncio.gather(*(one(client) for _ in range(8)))
    own = [line for line in way.entries() if line["user"] == "crowd"]
    bill = [charge for charge in way.bill() if charge["gateway_request_id"] in {line["request_id"] for line in own}]
    print(dict(ends), f"billed ${billed(bill)}, booked ${spent(own)} of ${FLOW}")
    assert ends["stopped"] >= 1
    assert FLOW * Decimal("0.9") < billed(bill) <= spent(own) <= FLOW
    assert {line["outcome"] for line in own} <= {"stopped", "ok"}
