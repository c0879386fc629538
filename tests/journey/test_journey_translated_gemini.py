"""Clients of OpenAI and Anthropic before a provider that speaks Gemini alone: text, streams, a tool's round trip."""

import json
from decimal import Decimal

import anthropic
import harness
import openai
import pytest
from test_journey_gemini import CHUNKS, COST, EVENTS, SSE, USED
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("translated")

HI = [{"role": "user", "content": "Weather in Paris?"}]
SCHEMA = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
CONFIG = """
providers:
  google: {base_url: URL/openai, dialects: [gemini]}
models:
  flash: {deployments: [google/gemini-2.5-flash]}
limits:
  - {node: all, amount: 1000 usd, window: month}
"""
CALL = {"functionCall": {"name": "weather", "args": {"place": "Paris"}, "id": "g1"}, "thoughtSignature": "c2ln"}


def said(*parts):
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP", "index": 0}
    answer = {"candidates": [candidate], "usageMetadata": USED, "modelVersion": "gemini-2.5-flash"}
    return Reply(json.dumps(answer).encode())


@pytest.fixture(scope="module")
def provider():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    config = CONFIG.replace("URL", f"{provider.url}/gemini")
    running = harness.gateway(tmp_path_factory.mktemp("gemini"), config, env={"GEMINI_API_KEY": "key-of-google"})
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def answers(provider):
    """Sets what the provider says next, and shows what it was asked."""

    def will(*replies):
        provider.got.clear()
        provider.replies["gemini"] = list(replies)
        return provider.got["gemini"]

    return will


@pytest.fixture
def chat(gate):
    with openai.OpenAI(base_url=f"{gate.url}/v1", api_key=gate.tokens[1], max_retries=0) as client:
        yield client.chat.completions


@pytest.fixture
def messages(gate):
    with anthropic.Anthropic(base_url=gate.url, api_key=gate.tokens[1], max_retries=0) as client:
        yield client.messages


def asked(got):
    return [json.loads(call.body) for call in got]


def test_a_tools_round_trip_of_openais_client(chat, answers):
    got = answers(said(CALL), said({"text": "Sunny."}))
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    raw = chat.with_raw_response.create(model="flash", messages=HI, tools=tools, max_tokens=99)
    assert Decimal(raw.headers["x-fareway-cost-usd"]) == COST
    message = raw.parse().choices[0].message
    (call,) = message.tool_calls
    assert json.loads(call.function.arguments) == {"place": "Paris"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sun"}
    last = chat.create(model="flash", messages=[*HI, message, result], tools=tools)
    assert last.choices[0].message.content == "Sunny."
    assert last.usage.total_tokens == USED["totalTokenCount"]
    assert got[0].path == "/gemini/models/gemini-2.5-flash:generateContent"
    assert got[0].headers["x-goog-api-key"] == "key-of-google"
    first, second = asked(got)
    assert first["generationConfig"] == {"maxOutputTokens": 99}
    assert first["tools"] == [{"functionDeclarations": [{"name": "weather", "parametersJsonSchema": SCHEMA}]}]
    assert second["contents"][1] == {"role": "model", "parts": [CALL]}
    answer = {"id": "g1", "name": "weather", "response": {"output": "sun"}}
    assert second["contents"][2] == {"role": "user", "parts": [{"functionResponse": answer}]}


def test_a_tools_round_trip_of_anthropics_client(messages, answers):
    """The signature comes back in the thinking block before the call, though no thinking was asked for."""
    got = answers(said(CALL), said({"text": "Sunny."}))
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    message = messages.create(model="flash", messages=HI, tools=tools, max_tokens=99)
    assert message.stop_reason == "tool_use"
    call = message.content[-1]
    assert call.input == {"place": "Paris"}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sun"}
    turns = [*HI, {"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    last = messages.create(model="flash", messages=turns, tools=tools, max_tokens=99)
    assert last.content[0].text == "Sunny."
    assert (last.usage.input_tokens, last.usage.output_tokens) == (100, 50)
    assert asked(got)[1]["contents"][1] == {"role": "model", "parts": [CALL]}


def test_streams_of_both_clients_at_their_exact_cost(chat, messages, answers):
    got = answers(Reply(EVENTS, content_type=SSE), Reply(EVENTS, content_type=SSE))
    chunks = list(chat.create(model="flash", messages=HI, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Yes, sir."
    assert chunks[-1].usage.completion_tokens == 50
    assert Decimal(str(chunks[-1].usage.cost)) == COST
    with messages.stream(model="flash", messages=HI, max_tokens=99) as stream:
        final = stream.get_final_message()
    assert (final.content[0].text, final.stop_reason) == ("Yes, sir.", "end_turn")
    assert final.usage.output_tokens == 50
    assert {call.path for call in got} == {"/gemini/models/gemini-2.5-flash:streamGenerateContent?alt=sse"}


def test_a_stream_that_breaks_off_is_no_answer(chat, answers):
    half = b"data: " + json.dumps(CHUNKS[0]).encode() + b"\r\n\r\n"
    answers(Reply(half, content_type=SSE))
    with pytest.raises(openai.APIError):
        list(chat.create(model="flash", messages=HI, stream=True))


def test_the_providers_refusal_is_said_in_the_callers_dialect(chat, messages, answers):
    error = b'{"error": {"code": 400, "message": "Too odd", "status": "INVALID_ARGUMENT"}}'
    answers(Reply(error, status=400))
    with pytest.raises(openai.BadRequestError, match="Too odd"):
        chat.create(model="flash", messages=HI)
    with pytest.raises(anthropic.BadRequestError, match="Too odd"):
        messages.create(model="flash", messages=HI, max_tokens=9)
