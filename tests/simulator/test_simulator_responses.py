"""OpenAI's Responses: the official client is satisfied, and the bill agrees with what it was told."""

import json

import openai
import pytest
from simbench import drained

from gateway.simulator.errors import RefusedError
from gateway.simulator.openai_responses_kept import KEPT_MAX, Kept
from gateway.simulator.seals import seal

WEATHER = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


@pytest.fixture
async def client(sim):
    async with sim.sdk() as found:
        yield found


def ask(client, said="Hello", model="sim-small", **fields):
    return client.responses.create(model=model, input=said, **fields)


async def final(client, said="Hello", model="sim-small", **fields):
    async with client.responses.stream(model=model, input=said, **fields) as stream:
        events = [event async for event in stream]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        return events[-1].response


def same(response):
    """What does not depend on the call."""
    hide = {"id", "call_id", "encrypted_content", "parsed", "parsed_arguments"}
    items = [item.model_dump(exclude=hide | {"content"}) for item in response.output]
    return response.status, response.usage, response.output_text, items


async def test_whole_and_stream_say_the_same_and_are_billed(sim, client):
    whole, streamed = await ask(client), await final(client)
    assert same(whole) == same(streamed)
    assert whole.status == "completed"
    assert len(whole.output_text.split()) == whole.usage.output_tokens
    assert [line["id"] for line in sim.bill] == [whole.id, streamed.id]
    assert {line["prompt_tokens"] for line in sim.bill} == {whole.usage.input_tokens}
    assert {line["completion_tokens"] for line in sim.bill} == {whole.usage.output_tokens}


@pytest.mark.parametrize("summary", ["auto", None])
async def test_reasoning_is_an_item_and_comes_back_sealed(sim, client, summary):
    fields = {
        "model": "sim-large",
        "reasoning": {"effort": "high", "summary": summary},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    whole = await ask(client, "[[sim: tokens=10]]", **fields)
    streamed = await final(client, "[[sim: tokens=10]]", **fields)
    assert same(whole) == same(streamed)
    assert [item.type for item in whole.output] == ["reasoning", "message"]
    assert [len(part.text.split()) for part in whole.output[0].summary] == ([20] if summary else [])
    assert (whole.usage.output_tokens, whole.usage.output_tokens_details.reasoning_tokens) == (30, 20)
    assert [line["completion_tokens"] for line in sim.bill] == [30, 30]
    again = [item.model_dump(exclude_none=True, exclude={"status"}) for item in whole.output]
    turn = {"role": "user", "content": "And?"}
    await ask(client, [*again, turn], **fields)
    again[0]["encrypted_content"] = seal("another")
    with pytest.raises(openai.BadRequestError) as wrong:
        await ask(client, [*again, turn], **fields)
    assert (wrong.value.code, wrong.value.param) == ("invalid_encrypted_content", "input[0].encrypted_content")


async def test_tools_are_called_and_their_results_quoted(client):
    asked = [{"role": "user", "content": "[[sim: calls=2]] Use a tool"}]
    fields = {"tools": [WEATHER]}
    whole, streamed = await ask(client, asked, **fields), await final(client, asked, **fields)
    assert same(whole) == same(streamed)
    calls = streamed.output
    assert [(c.type, c.name, list(json.loads(c.arguments))) for c in calls] == [
        ("function_call", "weather", ["city"])
    ] * 2
    again = [*asked, *({"type": c.type, "call_id": c.call_id, "name": c.name, "arguments": "{}"} for c in calls)]
    results = [{"type": "function_call_output", "call_id": c.call_id, "output": f"{n} °C"} for n, c in enumerate(calls)]
    after = await ask(client, again + results, **fields)
    assert after.output_text == "It says: 0 °C, 1 °C"
    for wrong, match in (([*asked, *results], "No tool call found"), (again, "No tool output found")):
        with pytest.raises(openai.BadRequestError, match=match):
            await ask(client, wrong, **fields)


async def test_forced_required_and_forbidden_tools(client):
    tools = [{"type": "web_search"}, WEATHER]
    forced = await ask(client, tools=tools, tool_choice={"type": "function", "name": "weather"})
    required = await ask(client, tools=tools, tool_choice="required")
    none = await ask(client, "Use a tool", tools=tools, tool_choice="none")
    assert [response.output[0].type for response in (forced, required, none)] == ["function_call"] * 2 + ["message"]


async def test_json_answers_fit(client):
    form = {"format": {"type": "json_schema", "name": "x", "schema": WEATHER["parameters"], "strict": True}}
    fitted = await ask(client, text=form)
    free = await ask(client, text={"format": {"type": "json_object"}})
    assert [list(json.loads(r.output_text)) for r in (fitted, free)] == [["city"], ["answer"]]


async def test_it_is_incomplete_for_a_cap_and_for_a_filter(client):
    capped = await final(client, "[[sim: tokens=50]]", max_output_tokens=3)
    filtered = await ask(client, "[[sim: filtered]]")
    nothing = await final(client, "[[sim: tokens=50]]", "sim-large", reasoning={"effort": "high"}, max_output_tokens=16)
    assert (capped.status, capped.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert (capped.output[0].status, capped.usage.output_tokens) == ("incomplete", 3)
    assert filtered.incomplete_details.reason == "content_filter"
    assert [item.type for item in nothing.output] == ["reasoning"]


async def test_an_error_inside_a_stream_and_an_end_before_its_time(sim, client):
    seen = []
    await drained(await ask(client, "[[sim: error_after=2 tokens=5]]", stream=True), seen)
    assert (seen[-1].type, seen[-1].code) == ("error", "server_error")
    seen.clear()
    await drained(await ask(client, "[[sim: eof=2 tokens=5]]", stream=True), seen)
    assert seen[-1].type == "response.output_text.delta"
    assert [(line["ended"], line["completion_tokens"]) for line in sim.bill] == [("error", 2), ("eof", 2)]


async def test_what_is_wrong_is_named(sim, client):
    for param, fields in {
        "input": {"said": []},
        "previous_response_id": {"previous_response_id": "resp_1"},
        "max_output_tokens": {"max_output_tokens": 0},
        "tool_choice": {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "x"}},
    }.items():
        with pytest.raises(openai.BadRequestError) as wrong:
            await ask(client, **fields)
        assert wrong.value.param == param
    assert sim.bill == []


async def test_what_is_kept_can_be_continued_read_and_deleted(client):
    first = await ask(client, "Hello")
    second = await final(client, "And?", previous_response_id=first.id)
    whole = [{"role": "user", "content": "Hello"}, first.output[0].model_dump(), {"role": "user", "content": "And?"}]
    assert second.previous_response_id == first.id
    assert second.usage.input_tokens == (await ask(client, whole)).usage.input_tokens
    assert (await client.responses.retrieve(second.id)).output_text == second.output_text
    items = [item async for item in client.responses.input_items.list(second.id)]
    assert [item.role for item in items] == ["user", "assistant", "user"]
    with pytest.raises(openai.BadRequestError, match="Cannot cancel"):
        await client.responses.cancel(second.id)
    await client.responses.delete(second.id)
    passing = await ask(client, "Hello", store=False)
    for name in (second.id, passing.id):
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(name)


async def test_the_latest_are_kept():
    kept = Kept()
    for place in range(KEPT_MAX + 1):
        kept.keep([], {"id": f"resp_{place}", "output": []})
    assert kept.before("resp_1") == []
    with pytest.raises(RefusedError):
        kept.before("resp_0")


async def test_counting_agrees_and_is_free(sim, client):
    counted = await client.responses.input_tokens.count(model="sim-small", input="Hello", tools=[WEATHER])
    assert sim.bill == []
    assert counted.input_tokens == (await ask(client, "Hello", tools=[WEATHER])).usage.input_tokens


async def test_usage_can_be_missing(client):
    assert (await ask(client, "[[sim: nousage]]")).usage is None
    assert (await final(client, "[[sim: nousage]]")).usage is None
