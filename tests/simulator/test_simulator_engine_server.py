"""The simulated vLLM over sockets: what it answers, what it counts, and what goes wrong when told to."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import openai
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.simulator import EngineServerSettings, EngineSettings, start_engine

FAST = 1000.0


class Client:
    def __init__(self, url, http):
        self.url, self.http = url, http

    async def ask(self, content="Hello", **more):
        messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
        body = {"model": "sim-8b", "messages": messages} | more
        async with self.http.post(f"{self.url}/v1/chat/completions", json=body) as answer:
            if not more.get("stream"):
                return answer.status, await answer.json()
            lines = (await answer.text()).split("\n\n")
            return answer.status, [json.loads(line[6:]) for line in lines if line.startswith("data: {")]

    async def figures(self):
        async with self.http.get(f"{self.url}/metrics") as answer:
            page = await answer.text()
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        assert all(sample.name.startswith("vllm:") for sample in samples)
        assert all(sample.labels.get("model_name", "sim-8b") == "sim-8b" for sample in samples)
        return {
            (
                sample.name.removeprefix("vllm:"),
                *(v for k, v in sample.labels.items() if k == "finished_reason"),
            ): sample
            for sample in samples
            if "le" not in sample.labels and "source" not in sample.labels
        }

    async def figure(self, name, *reason):
        return (await self.figures())[name, *reason].value

    async def until(self, name, value):
        for _ in range(1000):
            if await self.figure(name) == value:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{name} was never {value}")

    async def fault(self, query=""):
        async with self.http.post(f"{self.url}/sim/fault?{query}") as answer:
            assert answer.status == 200

    async def status(self, path, method="GET"):
        async with self.http.request(method, f"{self.url}{path}") as answer:
            return answer.status, await answer.text()


@pytest.fixture
def serve():
    @asynccontextmanager
    async def running(speed=FAST, **engine):
        started = await start_engine(EngineServerSettings(engine=EngineSettings(**engine), speed=speed))
        try:
            async with aiohttp.ClientSession() as http:
                yield Client(started.url, http)
        finally:
            await started.stop()

    return running


def said(events):
    return "".join(choice["delta"].get("content", "") for event in events for choice in event["choices"])


async def test_a_stream_says_the_same_as_a_whole_answer_and_both_are_counted(serve):
    async with serve() as client:
        status, whole = await client.ask("Hello [[sim: tokens=7]]")
        _, events = await client.ask("Hello [[sim: tokens=7]]", stream=True, stream_options={"include_usage": True})
        assert status == 200
        assert said(events) == whole["choices"][0]["message"]["content"]
        assert whole["usage"]["completion_tokens"] == events[-1]["usage"]["completion_tokens"] == 7
        assert await client.figure("generation_tokens_total") == 14
        prompts = whole["usage"]["prompt_tokens"] + events[-1]["usage"]["prompt_tokens"]
        assert await client.figure("prompt_tokens_total") == await client.figure("request_prompt_tokens_sum") == prompts
        assert await client.figure("request_success_total", "stop") == 2
        assert await client.figure("time_to_first_token_seconds_count") == 2
        assert await client.figure("inter_token_latency_seconds_count") == 12


async def test_a_cap_ends_it_and_each_of_several_choices_is_counted(serve):
    async with serve() as client:
        _, whole = await client.ask("Hello", max_tokens=3, n=2)
        assert [choice["finish_reason"] for choice in whole["choices"]] == ["length", "length"]
        assert whole["usage"]["completion_tokens"] == 6
        _, events = await client.ask("Hello", max_tokens=3, n=2, stream=True)
        for place in range(2):
            own = [event for event in events if event["choices"][0]["index"] == place]
            assert said(own) == whole["choices"][place]["message"]["content"]


async def test_the_next_turn_finds_the_last_one_in_the_prefix_cache(serve):
    async with serve() as client:
        turns = [{"role": "user", "content": "Tell me a story. [[sim: tokens=100]]"}]
        _, first = await client.ask(turns)
        turns += [first["choices"][0]["message"], {"role": "user", "content": "Go on."}]
        _, second = await client.ask(turns)
        before = first["usage"]["total_tokens"] - 1  # Its last token was not computed.
        assert second["usage"]["prompt_tokens_details"]["cached_tokens"] == before // 16 * 16
        assert await client.figure("prefix_cache_hits_total") == before // 16 * 16


async def test_who_waits_is_seen_and_comes_in_turn(serve):
    async with serve(max_num_seqs=1) as client:
        await client.fault("stall")
        asked = [asyncio.ensure_future(client.ask(f"Number {number}", max_tokens=2)) for number in range(3)]
        await client.until("num_requests_waiting", 3)
        await client.fault()
        assert [status for status, _ in await asyncio.gather(*asked)] == [200] * 3
        assert await client.figure("num_requests_waiting") == await client.figure("num_requests_running") == 0


async def test_a_caller_that_leaves_frees_its_room(serve):
    async with serve(speed=0.1) as client:
        body = {"model": "sim-8b", "stream": True, "messages": [{"role": "user", "content": "[[sim: tokens=9000]]"}]}
        async with client.http.post(f"{client.url}/v1/chat/completions", json=body) as answer:
            await answer.content.readline()
            assert await client.figure("num_requests_running") == 1
            assert await client.figure("kv_cache_usage_perc") > 0
        await client.until("num_requests_running", 0)
        assert await client.figure("kv_cache_usage_perc") == 0
        assert await client.figure("request_success_total", "abort") == 1


async def test_out_of_memory_fails_all_calls_until_it_is_mended(serve):
    async with serve(speed=0.1) as client:
        calls = [asyncio.ensure_future(client.ask("[[sim: tokens=9000]]", stream=stream)) for stream in (True, False)]
        await client.until("num_requests_running", 2)
        await client.fault("oom")
        (_, events), (status, whole) = await asyncio.gather(*calls)
        assert (status, events[-1]["error"]) == (500, whole["error"])
        assert "out of memory" in whole["error"]["message"]
        assert (await client.ask())[0] == 500
        assert (await client.status("/health"))[0] == 503
        assert await client.figure("request_success_total", "error") == 2
        await client.fault()
        assert (await client.ask(max_tokens=1))[0] == 200
        assert (await client.status("/health"))[0] == 200


async def test_slow_is_slower(serve):
    async with serve(speed=1.0) as client:
        await client.fault("slow=20")
        await client.ask("Hello", max_tokens=2)
        assert (
            await client.figure("inter_token_latency_seconds_sum") > 0.1
        )  # Of the engine's own time: 20 steps of 6 ms.


async def test_a_notice_of_interruption_is_there_once_it_was_given(serve):
    async with serve() as client:
        assert (await client.status("/latest/meta-data/spot/instance-action"))[0] == 404
        await client.status("/sim/notice", "POST")
        status, notice = await client.status("/latest/meta-data/spot/instance-action")
        assert (status, json.loads(notice)["action"]) == (200, "terminate")
        await client.status("/sim/notice", "DELETE")
        assert (await client.status("/latest/meta-data/spot/instance-action"))[0] == 404


async def test_what_it_cannot_do_is_refused_in_its_own_words(serve):
    async with serve(max_model_len=64) as client:
        status, said_of = await client.ask("a b c d e f g h " * 10)
        assert (status, said_of["error"]["type"]) == (400, "BadRequestError")
        assert "64 tokens" in said_of["error"]["message"]
        assert (await client.ask("Hello", max_tokens=64))[0] == 400
        status, said_of = await client.ask("Hello", model="another")
        assert (status, said_of["error"]["code"]) == (404, 404)
        assert (await client.status("/v1/nothing"))[0] == 404
        assert (await client.status("/sim/fault?slow=down", "POST"))[0] == 400
        _, whole = await client.ask("Hello [[sim: tokens=500]]")
        assert (whole["usage"]["total_tokens"], whole["choices"][0]["finish_reason"]) == (64, "length")


async def test_the_official_client_takes_it_for_what_it_is(serve):
    async with serve() as client, openai.AsyncOpenAI(base_url=f"{client.url}/v1", api_key="none") as official:
        assert [model.id async for model in official.models.list()] == ["sim-8b"]
        answer = await official.chat.completions.create(
            model="sim-8b", messages=[{"role": "user", "content": "Hello [[sim: tokens=4]]"}]
        )
        assert answer.usage.completion_tokens == 4
        assert (await client.status("/version"))[0] == 200


@pytest.mark.parametrize("wrong", [{"speed": 0}, {"output_tokens": 0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="more than 0"):
        EngineServerSettings(**wrong)
