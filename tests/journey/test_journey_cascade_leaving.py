"""Cascades whose callers leave, come again, or get more than is kept back."""

import asyncio

import pytest
from road import billed, eventually, road, said, spent

from gateway.journey.cascade.kept import KEPT_BYTES_MAX, Kept

pytestmark = pytest.mark.xdist_group("cascade-leaving")

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
  slow: {base_url: SIM_URL/v1, prices: sim, key: SECRET, bills_after_abort: false, headers: {x-sim: slow_headers=2}}
  endless: {base_url: SIM_URL/v1, prices: sim, key: SECRET, bills_after_abort: false, headers: {x-sim: tps=9}}
models:
  slow: {deployments: [slow/sim-small, sim/sim-large]}
  endless: {deployments: [endless/sim-small, sim/sim-large]}
  broken: {deployments: [sim/sim-small, sim/sim-large]}
routing: {policy: policies.cascade, retry: {rounds: 0}}
"""
CUT = "Go on. [[sim: tokens=60]]"


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("leaving"), CONFIG) as found:
        yield found


async def left(way, **asked):
    """The entries and the bill of a call whose caller leaves once it is under way."""
    before = len(way.entries())
    async with way.aclient() as client:
        call = asyncio.create_task(client.chat.completions.create(**asked))
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") == 1)
        for _ in range(20):  # Answered by the loop that connects and sends meanwhile.
            await asyncio.to_thread(way.metrics)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    lines = (await asyncio.to_thread(way.entries))[before:]
    return lines, [c for c in way.bill() if c["gateway_request_id"] == lines[0]["request_id"]]


async def test_a_caller_that_leaves_a_stream_is_asked_nothing_more_for(way):
    lines, bill = await left(way, model="endless", messages=said("On. [[sim: tokens=999]]"), stream=True)
    assert [(line["model"], line["outcome"]) for line in lines] == [("sim-small", "hung_up")]
    assert {charge["ended"] for charge in bill} <= {"aborted"}
    assert spent(lines) >= billed(bill)


async def test_nobody_pays_for_a_second_answer_that_nobody_reads(way):
    """What does not stream is charged in full; but the dearer one is not asked any more."""
    lines, bill = await left(way, model="slow", messages=said(CUT), max_tokens=20)
    assert [(line["model"], line["outcome"]) for line in lines] == [("sim-small", "ok")]
    assert spent(lines) == billed(bill)


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_is_sent_again_gets_the_same_answer(way, stream):
    """Also where the first answer was thrown away."""
    heard = []
    for _ in range(2):
        with way.client() as client:
            raw = client.chat.completions.with_raw_response.create(
                model="broken",
                messages=said(CUT),
                max_tokens=20,
                stream=stream,
                extra_headers={"Idempotency-Key": f"once-{stream}"},
            )
            answer = raw.parse()
            told = "".join(c.choices[0].delta.content or "" for c in answer if c.choices) if stream else answer.id
            heard.append((told, raw.headers.get("x-fareway-idempotent")))
    assert heard[0][0] == heard[1][0]
    assert [idempotent for _, idempotent in heard] == [None, "replayed"]


class Caller:
    """What a caller hears."""

    def __init__(self):
        self.heard = []

    async def start(self, status, headers):
        self.heard.append((status, dict(headers)))

    async def write(self, chunk):
        self.heard.append(chunk)

    def offer(self, chunk):
        self.heard.append(chunk)
        return True

    async def keep_up(self):
        self.heard.append("kept up")

    async def finish(self):
        self.heard.append("finished")


async def test_a_stream_that_is_too_long_to_be_kept_goes_on_unchecked():
    caller = Caller()
    kept = Kept(caller)
    await kept.start(200, {"a": "b"})
    assert kept.offer(b"x" * KEPT_BYTES_MAX)
    await kept.keep_up()
    assert not caller.heard
    assert not kept.offer(b"y")
    await kept.keep_up()
    assert kept.offer(b"z")
    await kept.finish()
    head, body, *rest = caller.heard
    assert head == (200, {"a": "b", "x-fareway-cascade": "too long to be checked"})
    assert body == b"x" * KEPT_BYTES_MAX + b"y"
    assert rest == ["kept up", b"z", "finished"]
    assert kept.given
