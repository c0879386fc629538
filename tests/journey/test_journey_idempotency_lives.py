"""What becomes of Idempotency-Keys when the gateway is killed, or told to stop, while a call with one runs."""

import asyncio
import signal

import harness
import openai
import pytest
from road import PROVIDERS, Road, eventually, said

pytestmark = pytest.mark.xdist_group("idempotency")

SLOW = "Slowly. [[sim: tokens=30 tps=20]]"
KEY = {"Idempotency-Key": "the key"}
HEDGED = """
server: {drain: 100ms}
providers:
  late: {kind: sim, base_url: SIM_URL/v1, headers: {x-sim: slow_headers=30}}
  later: {kind: sim, base_url: SIM_URL/v1, headers: {x-sim: slow_headers=30}}
models:
  sim-small: {deployments: [late/sim-small, later/sim-medium]}
routing: {policy: policies.hedged, params: {after: 100ms}, retry: {budget: 100%}}
"""


@pytest.fixture
def way(tmp_path, request):
    sim = harness.simulator(tmp_path / "sim")
    config = getattr(request, "param", PROVIDERS)
    gate = harness.gateway(tmp_path / "gate", config.replace("SIM_URL", sim.url))
    road = Road(sim, gate, *gate.tokens)
    yield road
    assert road.gate.stop() == 0
    sim.stop()


def restart(way):
    """The same home, a new process."""
    way.gate = harness.gateway(way.gate.home, (way.gate.home / "fareway.yaml").read_text())


async def ask(way, text=SLOW, key=KEY):
    """One stream, with the client's own retries on."""
    async with way.aclient(max_retries=2) as client:
        asked = {"model": "sim-small", "messages": said(text), "extra_headers": key, "stream": True}
        raw = await client.chat.completions.with_raw_response.create(**asked)
        async with raw.parse() as events:
            assert [chunk async for chunk in events][-1].choices[0].finish_reason == "stop"
    return raw.headers


async def begin(way):
    """One that runs."""
    running = asyncio.create_task(ask(way))
    await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") > 0)
    return running


async def assert_conflict(way, code, **asked):
    """Refused without a second try. Returns the request id of the first."""
    before = way.metric("fareway_errors_total", code=code)
    with pytest.raises(openai.ConflictError) as raised:
        await ask(way, **asked)
    assert raised.value.code == code
    assert way.metric("fareway_errors_total", code=code) == before + 1
    first = raised.value.response.headers["x-fareway-first-request-id"]
    assert first in raised.value.message
    return first


async def test_after_a_crash_nobody_knows_what_was_charged_until_somebody_decides(way):
    before = {"text": "Before.", "key": {"Idempotency-Key": "another"}}
    await ask(way, **before)
    running = await begin(way)
    way.gate.kill()
    with pytest.raises(openai.APIError):
        await running
    restart(way)
    bill = len(way.bill())
    first = await assert_conflict(way, "idempotency_unresolved")
    assert way.document(first)["entries"][0]["outcome"] == "unresolved"
    with pytest.raises(openai.UnprocessableEntityError):
        await ask(way, text="Something else.")
    answered = await assert_conflict(way, "idempotency_already_answered", **before)
    assert way.document(answered)["entries"][0]["outcome"] == "ok"
    assert "broke down" in way.command("limits", "resolve", answered, status=1)
    assert "takes the id of a call (req_…) alone" in way.command("limits", "resolve", "a-replica", status=1)
    assert len(way.bill()) == bill, "and nothing was charged for all that"
    assert "is free" in way.command("limits", "resolve", first)
    assert "x-fareway-idempotent" not in await ask(way)
    assert len(way.bill()) == bill + 1


async def test_a_call_that_ends_while_the_gateway_stops_is_remembered(way):
    running = await begin(way)
    way.gate.process.send_signal(signal.SIGTERM)
    head = await running
    assert await asyncio.to_thread(way.gate.process.wait, 60) == 0
    restart(way)
    assert await assert_conflict(way, "idempotency_already_answered") == head["x-fareway-request-id"]
    assert len(way.bill()) == 1


@pytest.mark.parametrize("way", [HEDGED], indirect=True)
async def test_what_is_booked_after_a_call_was_broken_off_is_not_asked_for_again(way):
    """Two providers are at it when the gateway has no more time: each is booked once the call itself has ended."""
    running = asyncio.create_task(ask(way))
    await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") == 2)
    way.gate.process.send_signal(signal.SIGTERM)
    with pytest.raises(openai.APIError):
        await running
    assert await asyncio.to_thread(way.gate.process.wait, 60) == 0
    restart(way)
    first = await assert_conflict(way, "idempotency_already_answered")
    assert [line["outcome"] for line in way.entries_of(first)] == ["hung_up", "hung_up"]
