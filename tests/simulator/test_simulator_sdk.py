"""The official OpenAI client, unmodified, is satisfied, and the bill agrees with what it was told."""

import json
import socket
import subprocess
import sys
from decimal import Decimal

import openai
import pytest

from gateway.simulator import Settings, start
from gateway.simulator.bill import MODELS

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "time"}},
]
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "score": {"type": "number", "minimum": 3},
        "kind": {"enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
        "none": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "sure": {"type": "boolean"},
    },
    "required": ["title", "score", "kind", "tags", "none", "sure"],
    "$defs": {"tag": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
}


def ask(client, text="Hello", **fields):
    return client.chat.completions.create(model="sim-small", messages=[{"role": "user", "content": text}], **fields)


async def test_plain_and_its_bill(sim):
    async with sim.sdk(default_headers={"x-sim-tag": "t1", "x-fareway-request-id": "r1"}) as client:
        said = await ask(client)
    assert len(said.choices[0].message.content.split()) == said.usage.completion_tokens
    assert said.choices[0].finish_reason == "stop"
    assert said.usage.prompt_tokens == 8
    assert said._request_id.startswith("req_")
    (line,) = sim.bill
    assert line["cost_usd"] == f"{(8 * Decimal('0.10') + said.usage.completion_tokens * Decimal('0.40')) / 10**6:f}"
    assert line | {"at": 0, "cost_usd": ""} == {
        "id": said.id,
        "at": 0,
        "model": "sim-small",
        "prompt_tokens": 8,
        "cached_tokens": 0,
        "written_tokens": 0,
        "completion_tokens": said.usage.completion_tokens,
        "cost_usd": "",
        "ended": "complete",
        "caller": "t1",
        "gateway_request_id": "r1",
    }


async def test_stream_has_a_chunk_per_token_and_usage_at_the_end(sim):
    async with sim.sdk() as client:
        chunks = [c async for c in await ask(client, stream=True, stream_options={"include_usage": True}, n=2)]
    assert chunks[-1].choices == []
    usage = chunks[-1].usage
    pieces = [(c.choices[0].index, c.choices[0].delta.content) for c in chunks[:-1] if c.choices[0].delta.content]
    assert len(pieces) == usage.completion_tokens == sim.bill[0]["completion_tokens"]
    assert {index for index, _ in pieces} == {0, 1}
    assert [c.choices[0].finish_reason for c in chunks[-3:-1]] == ["stop", "stop"]
    assert all(c.usage is None for c in chunks[:-1])


async def test_stream_and_whole_say_the_same(sim):
    async with sim.sdk() as client:
        whole = await ask(client, n=2)
        chunks = [c async for c in await ask(client, stream=True, n=2)]
    assert all(c.usage is None for c in chunks)
    for choice in whole.choices:
        said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices[0].index == choice.index)
        assert said == choice.message.content
    assert whole.choices[0].message.content != whole.choices[1].message.content


@pytest.mark.parametrize("cap", ["max_tokens", "max_completion_tokens"])
async def test_a_cap_ends_with_length(sim, cap):
    async with sim.sdk() as client:
        said = await ask(client, "[[sim: tokens=50]]", **{cap: 3})
    assert (said.choices[0].finish_reason, said.usage.completion_tokens) == ("length", 3)


async def test_tools_are_called_when_mentioned_forced_or_named(sim):
    named = {"type": "function", "function": {"name": "time"}}
    async with sim.sdk() as client:
        mentioned = await ask(client, "Use a tool", tools=TOOLS)
        required = await ask(client, tools=TOOLS, tool_choice="required")
        forced = await ask(client, tools=TOOLS, tool_choice=named)
        none = await ask(client, "Use a tool", tools=TOOLS, tool_choice="none")
        not_mentioned = await ask(client, tools=TOOLS)
        with pytest.raises(openai.BadRequestError):
            await ask(client, tools=TOOLS, tool_choice={"type": "function", "function": {"name": "x"}})
    call = mentioned.choices[0].message.tool_calls[0]
    assert (call.function.name, mentioned.choices[0].finish_reason) == ("weather", "tool_calls")
    assert list(json.loads(call.function.arguments)) == ["city"]
    assert required.choices[0].message.tool_calls[0].function.name == "weather"
    assert forced.choices[0].message.tool_calls[0].function.model_dump() == {"name": "time", "arguments": "{}"}
    assert none.choices[0].message.tool_calls is not_mentioned.choices[0].message.tool_calls is None


async def test_what_a_system_message_says_of_tools_calls_none(sim):
    """Coding agents end with one: each call of an agent's tool began another agent, without end."""
    messages = [{"role": "user", "content": "Hi"}, {"role": "system", "content": "There is an Agent tool"}]
    async with sim.sdk() as client:
        said = await client.chat.completions.create(model="sim-small", messages=messages, tools=TOOLS)
    assert said.choices[0].finish_reason == "stop"


async def test_a_tool_call_streams(sim):
    async with sim.sdk() as client:
        create = client.chat.completions.stream
        messages = [{"role": "user", "content": "Use a tool"}]
        async with create(model="sim-small", messages=messages, tools=TOOLS) as stream:
            final = await stream.get_final_completion()
    assert list(json.loads(final.choices[0].message.tool_calls[0].function.arguments)) == ["city"]
    assert sim.bill[0]["completion_tokens"] > 2


async def test_a_result_is_quoted_and_several_calls_have_ids_of_their_own(sim):
    order = '[[sim: tool=weather calls=2 args={"city":"Den\\u0020Haag"}]]'
    messages = [{"role": "user", "content": order}]
    async with sim.sdk() as client:
        create = client.chat.completions.create
        async with client.chat.completions.stream(model="sim-small", messages=messages, tools=TOOLS[:1]) as stream:
            call = (await stream.get_final_completion()).choices[0].message
        one = await create(model="sim-small", messages=messages, tools=TOOLS, parallel_tool_calls=False)
        ids = [c.id for c in call.tool_calls]
        results = [{"role": "tool", "tool_call_id": name, "content": f"{n} °C 🌦"} for n, name in enumerate(ids)]
        sent = call.model_dump(exclude_none=True, include={"role", "tool_calls"})
        after = await create(model="sim-small", messages=[*messages, sent, *results], tools=TOOLS)
        for wrong in ([*messages, sent, *messages], [*messages, *results]):
            with pytest.raises(openai.BadRequestError, match="tool_calls"):
                await create(model="sim-small", messages=wrong, tools=TOOLS)
        none = await ask(client, "[[sim: tool=none]] Use a tool", tools=TOOLS)
        filtered = await ask(client, "[[sim: filtered]]")
    assert [c.function.arguments for c in call.tool_calls] == ['{"city": "Den Haag"}'] * 2
    assert len(set(ids)) == 2
    assert len(one.choices[0].message.tool_calls) == 1
    assert after.choices[0].message.content == "It says: 0 °C 🌦, 1 °C 🌦"
    assert none.choices[0].message.tool_calls is None
    assert filtered.choices[0].finish_reason == "content_filter"


async def test_json_answers_fit(sim):
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    async with sim.sdk() as client:
        free = await ask(client, response_format={"type": "json_object"})
        fitted = await ask(client, response_format=schema)
    assert set(json.loads(free.choices[0].message.content)) == {"answer"}
    value = json.loads(fitted.choices[0].message.content)
    assert list(value) == SCHEMA["required"]
    assert (value["score"], value["kind"], value["none"], value["sure"]) == (3, "a", None, True)
    assert [list(tag) for tag in value["tags"]] == [["name"], ["name"]]


async def test_embeddings_in_both_encodings(sim):
    async with sim.sdk() as client:
        default = await client.embeddings.create(model="sim-embed", input=["hello world", "other"])
        floats = await client.embeddings.create(model="sim-embed", input="hello world", encoding_format="float")
        short = await client.embeddings.create(model="sim-embed", input=[[1, 2, 3]], dimensions=8)
    assert len(default.data) == 2
    assert default.data[0].embedding == pytest.approx(floats.data[0].embedding, abs=1e-6)
    assert sum(x * x for x in floats.data[0].embedding) == pytest.approx(1)
    assert (len(short.data[0].embedding), short.usage.prompt_tokens) == (8, 3)
    assert [line["prompt_tokens"] for line in sim.bill] == [3, 2, 3]
    assert sim.bill[0]["cost_usd"] == "0.00000006"


async def test_reasoning_is_hidden_and_billed(sim):
    messages = [{"role": "user", "content": "[[sim: tokens=10]]"}]
    async with sim.sdk() as client:
        create = client.chat.completions.create
        high = await create(model="sim-large", messages=messages, reasoning_effort="high")
        capped = await create(model="sim-large", messages=messages, reasoning_effort="high", max_completion_tokens=15)
        plain = await create(model="sim-large", messages=messages)
        small = await create(model="sim-small", messages=messages, reasoning_effort="high")
    tokens = [(s.usage.completion_tokens, s.usage.completion_tokens_details.reasoning_tokens) for s in (high, capped)]
    assert tokens == [(30, 20), (15, 15)]
    assert capped.choices[0].finish_reason == "length"
    assert plain.usage.completion_tokens == small.usage.completion_tokens == 10
    assert [line["completion_tokens"] for line in sim.bill] == [30, 15, 10, 10]


async def test_models_and_errors_are_in_shape(sim):
    async with sim.sdk() as client:
        models = await client.models.list()
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.BadRequestError) as bad:
            await ask(client, n=0)
        with pytest.raises(openai.BadRequestError):
            await client.embeddings.create(model="sim-embed", input=[])
    assert [model.id for model in models.data] == list(MODELS)
    assert unknown.value.code == "model_not_found"
    assert bad.value.param == "n"
    assert sim.bill == []


async def test_a_key_is_required(sim):
    for key in ({}, {"authorization": "Bearer "}, {"authorization": "Basic x"}):
        async with sim.http.post(sim.running.url + "/v1/chat/completions", headers=key) as answer:
            assert answer.status == 401
            assert (await answer.json())["error"]["code"] == "invalid_api_key"


async def test_what_is_not_there_is_said_in_shape(sim):
    async with sim.post(path="/v1/nothing") as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (404, "invalid_request_error")
    async with sim.http.post(
        sim.running.url + "/v1/chat/completions", data=b"{", headers={"authorization": "Bearer x"}
    ) as answer:
        assert answer.status == 400


def test_run_serves_until_told_to_stop():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code = f"from gateway.simulator import Settings, run; run(Settings(), port={port})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as process:
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="any", max_retries=8) as client:
            assert len(client.models.list().data) == len(MODELS)
        process.terminate()
        assert process.wait(10) == 0


async def test_a_port_that_is_taken_is_an_error(sim):
    with pytest.raises(OSError):
        await start(Settings(), port=int(sim.running.url.rpartition(":")[2]))
