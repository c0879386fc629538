"""The official Anthropic client, unmodified, is satisfied, and the bill agrees with what it was told."""

import json
from decimal import Decimal

import anthropic
import pytest
from simbench import drained

from gateway.simulator.seals import seal

WEATHER = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
LONG = "the quick brown fox jumps over the lazy dog and then " * 150


def said(content):
    return [{"role": "user", "content": content}]


@pytest.fixture
async def client(sim):
    async with anthropic.AsyncAnthropic(base_url=sim.running.url, api_key="any", max_retries=0) as found:
        yield found


def ask(client, content="Hello", model="sim-small", max_tokens=500, **fields):
    return client.messages.create(model=model, max_tokens=max_tokens, messages=said(content), **fields)


async def final(client, content="Hello", model="sim-small", max_tokens=500, **fields):
    async with client.messages.stream(model=model, max_tokens=max_tokens, messages=said(content), **fields) as stream:
        return await stream.get_final_message()


def same(message):
    """What does not depend on the call."""
    usage = message.usage.model_dump(include={"input_tokens", "output_tokens", "cache_read_input_tokens"})
    blocks = [block.model_dump(exclude={"id", "signature", "parsed_output"}) for block in message.content]
    return message.stop_reason, usage, blocks


async def test_whole_and_stream_say_the_same_and_are_billed(sim, client):
    whole, streamed = await ask(client), await final(client)
    assert same(whole) == same(streamed)
    assert whole.stop_reason == "end_turn"
    assert len(whole.content[0].text.split()) == whole.usage.output_tokens
    assert whole._request_id.startswith("req_")
    assert [line["id"] for line in sim.bill] == [whole.id, streamed.id]
    assert {line["prompt_tokens"] for line in sim.bill} == {whole.usage.input_tokens}
    assert {line["completion_tokens"] for line in sim.bill} == {whole.usage.output_tokens}


@pytest.mark.parametrize("shown", ["summarized", "omitted"])
async def test_thinking_is_signed_and_billed(sim, client, shown):
    fields = {"model": "sim-large", "max_tokens": 4000}
    fields["thinking"] = {"type": "enabled", "budget_tokens": 1024, "display": shown}
    whole = await ask(client, "[[sim: tokens=10]]", **fields)
    streamed = await final(client, "[[sim: tokens=10]]", **fields)
    assert same(whole) == same(streamed)
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert len(whole.content[0].thinking.split()) == (10 if shown == "summarized" else 0)
    assert (whole.usage.output_tokens, whole.usage.output_tokens_details.thinking_tokens) == (20, 10)
    assert [line["completion_tokens"] for line in sim.bill] == [20, 20]
    again = [*said("Hello"), {"role": "assistant", "content": streamed.content}, *said("And?")]
    await client.messages.create(messages=again, **fields)
    streamed.content[0].signature = seal("another")
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.1\.content\.0: Invalid `signature`"):
        await client.messages.create(messages=again, **fields)


async def test_effort_makes_it_think(client):
    fields = {"model": "sim-large", "thinking": {"type": "adaptive"}}
    high = await ask(client, "[[sim: tokens=10]]", **fields)
    low = await ask(client, "[[sim: tokens=10]]", **fields, output_config={"effort": "low"})
    assert [m.usage.output_tokens_details.thinking_tokens for m in (high, low)] == [20, 5]


async def test_a_tool_is_called_and_its_result_is_quoted(client):
    whole = await ask(client, "Use a tool", tools=[WEATHER])
    streamed = await final(client, "Use a tool", tools=[WEATHER])
    assert same(whole) == same(streamed)
    (call,) = streamed.content
    assert (streamed.stop_reason, call.name, list(call.input)) == ("tool_use", "weather", ["city"])
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "18 °C 🌦"}]}
    talk = [*said("Use a tool"), {"role": "assistant", "content": streamed.content}, *said([result])]
    after = await client.messages.create(model="sim-small", max_tokens=500, messages=talk, tools=[WEATHER])
    assert after.content[0].text == "It says: 18 °C 🌦"
    for wrong in ([*talk[:2], *said("No.")], talk[-1:]):
        with pytest.raises(anthropic.BadRequestError, match="tool_"):
            await client.messages.create(model="sim-small", max_tokens=500, messages=wrong, tools=[WEATHER])


async def test_orders_name_the_tool_its_arguments_and_how_often(client):
    tools = [{"name": "first", "input_schema": {"type": "object"}}, WEATHER]
    order = '[[sim: tool=weather calls=2 args={"city":"Den\\u0020Haag"}]]'
    message = await final(client, order, tools=tools)
    assert [(c.name, c.input) for c in message.content] == [("weather", {"city": "Den Haag"})] * 2
    assert len({c.id for c in message.content}) == 2
    one = await ask(client, order, tools=tools, tool_choice={"type": "auto", "disable_parallel_tool_use": True})
    none = await ask(client, "[[sim: tool=none]] Use a tool", tools=tools)
    forced = await ask(client, "Hi", tools=tools, tool_choice={"type": "tool", "name": "weather"})
    required = await ask(client, "Hi", tools=tools, tool_choice={"type": "any"})
    assert [[getattr(b, "name", b.type) for b in m.content] for m in (one, none, forced, required)] == [
        ["weather"],
        ["text"],
        ["weather"],
        ["first"],
    ]


async def test_json_answers_fit(client):
    form = {"format": {"type": "json_schema", "schema": WEATHER["input_schema"]}}
    message = await ask(client, output_config=form)
    assert list(json.loads(message.content[0].text)) == ["city"]


async def test_what_is_marked_is_kept_and_charged_for(sim, client):
    mark = {"type": "ephemeral"}
    system = [{"type": "text", "text": LONG, "cache_control": mark}]
    first = await ask(client, model="sim-caching", system=system)
    second = await final(client, "Another", model="sim-caching", system=system)
    unmarked = await ask(client, model="sim-caching", system=LONG)
    hour = await ask(
        client, "Hi " + LONG, model="sim-caching", extra_body={"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    )
    written, read, none, long = (m.usage for m in (first, second, unmarked, hour))
    assert written.cache_creation_input_tokens == written.cache_creation.ephemeral_5m_input_tokens > 1024
    assert (read.cache_read_input_tokens, read.cache_creation_input_tokens) == (written.cache_creation_input_tokens, 0)
    assert (none.cache_read_input_tokens, none.cache_creation_input_tokens) == (0, 0)
    assert long.cache_creation.ephemeral_1h_input_tokens == long.cache_creation_input_tokens > 1024
    for message, line in zip((first, second, unmarked, hour), sim.bill, strict=True):
        usage = message.usage
        write = 6 if message is hour else Decimal("3.75")
        cost = (
            usage.input_tokens * 3
            + usage.cache_read_input_tokens * Decimal("0.3")
            + usage.cache_creation_input_tokens * write
            + usage.output_tokens * 15
        )
        assert Decimal(line["cost_usd"]) == cost / 10**6


async def test_counting_agrees_and_is_free(sim, client):
    tools = [WEATHER]
    counted = await client.messages.count_tokens(model="sim-small", messages=said(LONG), system="Be.", tools=tools)
    assert sim.bill == []
    message = await ask(client, LONG, system="Be.", tools=tools)
    assert counted.input_tokens == message.usage.input_tokens


async def test_it_stops_for_a_cap_and_for_a_filter(client):
    capped = await ask(client, "[[sim: tokens=50]]", max_tokens=3)
    filtered = await final(client, "[[sim: filtered]]")
    assert (capped.stop_reason, capped.usage.output_tokens) == ("max_tokens", 3)
    assert filtered.stop_reason == "refusal"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.APIStatusError),
    ],
)
async def test_errors_are_in_shape(sim, client, status, kind):
    with pytest.raises(kind) as error:
        await ask(client, f"[[sim: fail={status} retry_after=2]]")
    assert error.value.status_code == status
    assert error.value.body["type"] == "error"
    assert error.value.response.headers["retry-after"] == "2"
    assert sim.bill == []


async def test_what_is_wrong_is_named(client):
    small = {"type": "enabled", "budget_tokens": 10}
    large = {"type": "enabled", "budget_tokens": 2000}
    unthought = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]},
    ]
    for match, fields in {
        "budget_tokens": {"thinking": small},
        "max_tokens": {"thinking": large},
        "forces tool use": {
            "thinking": large,
            "max_tokens": 4000,
            "tools": [WEATHER],
            "tool_choice": {"type": "any"},
        },
        "found `tool_use`": {"thinking": large, "max_tokens": 4000, "messages": said("Hello") + unthought},
        "Tool choice": {"tool_choice": {"type": "tool", "name": "x"}},
        "messages": {"messages": []},
    }.items():
        with pytest.raises(anthropic.BadRequestError, match=match):
            await client.messages.create(
                **{"model": "sim-small", "max_tokens": 500, "messages": said("Hello")} | fields
            )
    with pytest.raises(anthropic.NotFoundError):
        await ask(client, model="claude-9")


async def test_an_error_inside_a_stream_and_an_end_before_its_time(sim, client):
    seen = []
    with pytest.raises(anthropic.APIStatusError, match="had an error"):
        await drained(await ask(client, "[[sim: error_after=2 tokens=5]]", stream=True), seen)
    assert [e.type for e in seen] == ["message_start", "content_block_start", *["content_block_delta"] * 2]
    seen.clear()
    await drained(await ask(client, "[[sim: eof=2 tokens=5]]", stream=True), seen)
    assert seen[-1].type == "content_block_delta"
    assert [(line["ended"], line["completion_tokens"]) for line in sim.bill] == [("error", 2), ("eof", 2)]


async def test_usage_can_be_bad_or_missing(sim):
    body = {"max_tokens": 50, "path": "/v1/messages"}
    async with sim.post("[[sim: nousage]]", **body) as answer:
        assert "usage" not in await answer.json()
    async with sim.post("[[sim: badusage=huge]]", **body) as answer:
        assert (await answer.json())["usage"]["output_tokens"] == 10**18
    async with sim.post("[[sim: nousage]]", stream=True, **body) as answer:
        assert b'"usage"' not in await answer.read()
