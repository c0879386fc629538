"""Each order is obeyed, seen from the other end of a real socket."""

import json
import time

import aiohttp
import openai
import pytest
from simbench import drained, events

from gateway.simulator.errors import RefusedError
from gateway.simulator.faults import BAD_USAGES, Orders, read

STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def test_words_are_read_strictly():
    assert read(None, "no orders") == Orders()
    assert read(None, "a [[sim: fail=429 retry_after=0.5]] b [[sim: seed=3]]") == Orders(429, retry_after=0.5, seed=3)
    assert read("tokens=5 hang", "[[sim: tokens=9]]") == Orders(tokens=5, hang=True)
    assert read("badusage", "") == Orders(badusage="negative")
    assert read("eof=4", "").stop == ("eof", 4)


@pytest.mark.parametrize(
    "words",
    [
        "fly",
        "fail",
        "fail=200",
        "fail=x",
        "hang=1",
        "cut=-1",
        "tps=nan",
        "cut=1 eof=2",
        "tokens=0",
        "badusage=odd",
        "seed=1 seed=1",
        "tool",
        "args=[]",
        "args={",
        "calls=0",
    ],
)
async def test_wrong_words_are_refused(sim, words):
    with pytest.raises(RefusedError):
        read(words, "")
    async with sim.post(f"[[sim: {words}]]") as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == "bad_sim_directive"


async def test_fail_says_when_to_come_back_and_costs_nothing(sim):
    async with sim.post("[[sim: fail=429 retry_after=1]]") as answer:
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert (await answer.json())["error"]["code"] == "rate_limit_exceeded"
    async with sim.post(headers={"x-sim": "fail=500"}) as answer:
        assert (await answer.json())["error"]["type"] == "server_error"
    assert sim.bill == []


async def test_fail_first_then_answer(sim):
    statuses = []
    for _ in range(4):
        async with sim.post("[[sim: fail_first=2 fail=500]] a") as answer:
            statuses.append(answer.status)
    async with sim.post("[[sim: fail_first=2 fail=500]] b") as answer:
        statuses.append(answer.status)
    assert statuses == [500, 500, 200, 200, 500]


async def test_the_sdk_retries_its_way_through(sim):
    async with sim.sdk() as client:
        answer = await client.with_options(max_retries=2).chat.completions.create(
            model="sim-small", messages=[{"role": "user", "content": "[[sim: fail_first=1 fail=429 retry_after=0.01]]"}]
        )
    assert answer.usage.prompt_tokens == sim.bill[0]["prompt_tokens"]


async def test_hang_bills_the_prompt_once_the_caller_gives_up(sim):
    with pytest.raises(TimeoutError):
        async with sim.post("[[sim: hang]]", timeout_s=0.2):
            pass
    line = await sim.billed()
    assert (line["ended"], line["completion_tokens"]) == ("aborted", 0)


async def test_slow_headers(sim):
    started = time.monotonic()
    async with sim.post("[[sim: slow_headers=0.15]]") as answer:
        assert answer.status == 200
    assert time.monotonic() - started >= 0.15


async def test_garbage_is_html_with_success(sim):
    async with sim.post("[[sim: garbage]]") as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert sim.bill == []


@pytest.mark.parametrize("rate", [0, 500])
async def test_cut_breaks_the_stream(sim, rate):
    got = []
    async with sim.post(f"[[sim: cut=3 tokens=9 tps={rate}]]", **STREAM) as answer:
        with pytest.raises(aiohttp.ClientError):
            await drained(answer.content.iter_any(), got)
    assert b"".join(got).count(b'"content": ') == 4
    assert (sim.bill[0]["ended"], sim.bill[0]["completion_tokens"]) == ("cut", 3)


async def test_broken_connections_are_no_failure_of_the_server(sim, caplog):
    for stream in (True, False):
        with pytest.raises(aiohttp.ClientError):
            await (await sim.post("[[sim: cut=0]]", stream=stream)).read()
    async with sim.post("[[sim: tokens=20000]]", stream=True) as answer:
        await answer.content.readline()
    async with sim.post():
        assert not caplog.records


async def test_cut_breaks_a_plain_answer(sim):
    with pytest.raises(aiohttp.ClientError):
        async with sim.post("[[sim: cut=3 tokens=9]]"):
            pass
    assert (sim.bill[0]["ended"], sim.bill[0]["completion_tokens"]) == ("cut", 3)


async def test_eof_ends_cleanly_without_the_end_mark(sim):
    async with sim.post("[[sim: eof=3 tokens=9]]", **STREAM) as answer:
        said = events(await answer.read())
    assert len(said) == 1 + 3
    assert "[DONE]" not in said
    assert (sim.bill[0]["ended"], sim.bill[0]["completion_tokens"]) == ("eof", 3)


async def test_hang_after_falls_silent(sim):
    got = []
    async with sim.post("[[sim: hang_after=2]]", sock_read_s=0.2, **STREAM) as answer:
        with pytest.raises(TimeoutError):
            await drained(answer.content.iter_any(), got)
    assert len(events(b"".join(got))) == 1 + 2
    assert (sim.bill[0]["ended"], sim.bill[0]["completion_tokens"]) == ("hang", 2)


async def test_error_after_reaches_the_sdk_as_an_error(sim):
    messages = [{"role": "user", "content": "[[sim: error_after=2 tokens=5]]"}]
    seen = []
    async with sim.sdk() as client:
        stream = await client.chat.completions.create(model="sim-small", messages=messages, stream=True)
        with pytest.raises(openai.APIError, match="server had an error"):
            await drained(stream, seen)
    assert len(seen) == 1 + 2
    assert (sim.bill[0]["ended"], sim.bill[0]["completion_tokens"]) == ("error", 2)


@pytest.mark.parametrize("kind", BAD_USAGES)
async def test_bad_usage_lies_but_the_bill_does_not(sim, kind):
    async with sim.post(f"[[sim: badusage={kind} tokens=4]]") as answer:
        usage = (await answer.json())["usage"]
    async with sim.post(f"[[sim: badusage={kind} tokens=4]]", **STREAM) as answer:
        assert json.loads(events(await answer.read())[-2])["usage"] == usage
    true = sim.bill[0]["prompt_tokens"]
    expected = {"negative": -true - 1, "huge": 10**18, "strings": str(true), "missing": None, "zero": 0}
    assert usage.get("prompt_tokens") == expected[kind]
    assert [line["completion_tokens"] for line in sim.bill] == [4, 4]


async def test_no_usage(sim):
    async with sim.post("[[sim: nousage]]") as answer:
        assert "usage" not in await answer.json()
    async with sim.post("[[sim: nousage]]", **STREAM) as answer:
        said = events(await answer.read())
    assert all(json.loads(event)["usage"] is None for event in said[:-1])
    assert said[-1] == "[DONE]"


async def test_seed_and_length(sim):
    said = []
    for seed in (1, 1, 2):
        async with sim.post("Hi", headers={"x-sim": f"seed={seed} tokens=12"}) as answer:
            said.append((await answer.json())["choices"][0]["message"]["content"])
    assert said[0] == said[1] != said[2]
    assert len(said[2].split()) == 12


async def test_pace_is_kept_without_drift(sim):
    started = time.monotonic()
    async with sim.post("[[sim: ttft=100 tps=200 tokens=61]]", stream=True) as answer:
        await answer.content.readline()
        first = time.monotonic() - started
        await answer.read()
    took = time.monotonic() - started
    assert 0.1 <= first < 0.3
    assert 0.39 <= took < 0.7


async def test_a_share_of_calls_fails_the_same_way_each_time(simulate):
    runs = []
    for _ in range(2):
        statuses = []
        async with simulate(fail_rate=0.5, seed=7) as sim:
            for _ in range(20):
                async with sim.post() as answer:
                    statuses.append(answer.status)
        runs.append(statuses)
    assert runs[0] == runs[1]
    assert 4 < runs[0].count(200) < 16
    assert set(runs[0]) <= {200, 429, 500, 503}
