"""OpenAI's Responses API to providers that speak messages or chats: with the official client, to the ledger."""

import json
from decimal import Decimal

import harness
import openai
import pytest
from openai import OpenAI
from test_journey_anthropic import COST, END, ENV, OVERLOADED, START, USAGE, WORDS, answer, events
from test_journey_translated import entry_of
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("translated")

CONFIG = """
providers:
  anthropic: {base_url: URL/claude/v1, dialects: [anthropic-messages]}
  plain: {base_url: URL/plain/v1, key: "${PLAIN_API_KEY}", dialects: [openai-chat]}
prices:
  overrides:
    - {provider: plain, model: deepseek-v9, input: 1/M, cache_read: 0.1/M, output: 4/M}
"""
TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": False}
ASKED = {"model": "claude-sonnet-4-6", "input": "Weather?", "store": False, "tools": [TOOL], "prompt_cache_key": "k"}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
BEGUN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STREAMED = events(START, BEGUN, *WORDS, *END)
CHUNKS = [
    {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}]},
    {"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]},
    {"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}},
]


@pytest.fixture(scope="module")
def provider():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    env = ENV | {"PLAIN_API_KEY": "theirs"}
    running = harness.gateway(tmp_path_factory.mktemp("responses"), CONFIG.replace("URL", provider.url), env=env)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def client(gate):
    with OpenAI(base_url=f"{gate.url}/v1", api_key=gate.tokens[1], max_retries=0) as found:
        yield found


@pytest.fixture
def answers(provider):
    def will(name, *replies):
        provider.got.clear()
        provider.replies[name] = list(replies)
        return provider.got[name]

    return will


def test_a_tool_is_called_and_answered_with_the_thoughts_before_it(gate, client, answers):
    got = answers("claude", answer(THOUGHT, CALL, reason="tool_use"), answer({"type": "text", "text": "19 degrees"}))
    raw = client.responses.with_raw_response.create(**ASKED, reasoning={"effort": "low", "summary": "auto"})
    first = raw.parse()
    thought, call = first.output
    assert thought.summary[0].text == "Hm."
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "Paris"})
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == COST
    assert Decimal(entry_of(gate, raw.headers)["cost_usd"]) == COST
    assert first.usage.input_tokens == 2310
    assert first.usage.input_tokens_details.cached_tokens == 2000
    assert first.usage.input_tokens_details.cache_write_tokens == 300

    said = [{"role": "user", "content": "Weather?"}, *[item.model_dump(exclude_none=True) for item in first.output]]
    said.append({"type": "function_call_output", "call_id": call.call_id, "output": "19"})
    assert client.responses.create(**ASKED | {"input": said}).output_text == "19 degrees"
    turns = json.loads(got[1].body)["messages"]
    assert turns[1]["content"] == [THOUGHT, CALL]
    assert turns[2]["content"][0]["tool_use_id"] == "toolu_1"


def test_a_stream_is_put_together_by_the_official_client(gate, client, answers):
    answers("claude", STREAMED)
    with client.responses.stream(**ASKED) as stream:
        seen = [event.type for event in stream]
        whole = stream.get_final_response()
    assert seen[0] == "response.created"
    assert seen[-1] == "response.completed"
    assert whole.output_text == "Hello"
    assert whole.usage.total_tokens == 2310 + USAGE["output_tokens"]


def test_a_provider_of_chats_is_reached_too(gate, client, answers):
    got = answers("plain", Reply(sse(CHUNKS), content_type="text/event-stream"))
    with client.responses.with_streaming_response.create(
        model="plain/deepseek-v9", input="Hi", store=False, stream=True
    ) as raw:
        last = list(raw.parse())[-1].response
    assert [item.type for item in last.output] == ["reasoning", "message"]
    assert last.output_text == "Hello"
    assert Decimal(entry_of(gate, raw.headers)["cost_usd"]) == Decimal("0.0014")
    assert json.loads(got[0].body)["stream_options"] == {"include_usage": True}


def test_what_lies_at_a_provider_is_refused_by_name(client, answers):
    got = answers("claude", STREAMED)
    with pytest.raises(openai.BadRequestError, match="send items whole") as refused:
        client.responses.create(**ASKED, previous_response_id="resp_1")
    assert refused.value.param == "previous_response_id"
    assert got == []


def test_what_nobody_stores_is_named(client, answers):
    answers("claude", answer({"type": "text", "text": "Hello"}))
    raw = client.responses.with_raw_response.create(model="claude-sonnet-4-6", input="Hi", metadata={"a": "b"})
    assert raw.headers["x-fareway-dropped"] == "store, metadata"
    assert not raw.parse().store


def test_an_error_inside_a_stream_is_one_to_the_client(gate, client, answers):
    answers("claude", events(START, BEGUN, WORDS[0], OVERLOADED))
    with pytest.raises(openai.APIError, match="Overloaded"), client.responses.create(**ASKED, stream=True) as stream:
        list(stream)


def sse(chunks):
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
