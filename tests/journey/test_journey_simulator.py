"""Deployments of the simulator that speak one dialect each: what the ledger says is what the simulator bills."""

import json
from contextlib import closing
from decimal import Decimal

import anthropic
import boto3
import harness
import openai
import pytest
from google import genai
from google.genai import types
from road import billed, entries, eventually, road, said, spent

pytestmark = pytest.mark.xdist_group("simulated")

CONFIG = """
providers:
  chat-sim: {kind: sim, prices: openai, base_url: SIM_URL/v1, dialects: [openai-chat]}
  responses-sim: {kind: sim, prices: openai, base_url: SIM_URL/v1, dialects: [openai-responses, openai-count-tokens]}
  claude-sim: {kind: sim, base_url: SIM_URL/v1, dialects: [anthropic-messages, anthropic-count-tokens]}
  gemini-sim: {kind: sim, prices: google, base_url: SIM_URL/v1, dialects: [gemini, gemini-count-tokens]}
  bedrock-sim: {kind: sim, prices: aws, base_url: SIM_URL/v1, dialects: [bedrock-converse, bedrock-invoke]}
models:
  gpt: {deployments: [chat-sim/gpt-5]}
  codex: {deployments: [responses-sim/gpt-5-mini]}
  claude: {deployments: [claude-sim/sim-caching]}
  gemini: {deployments: [gemini-sim/gemini-2.5-flash]}
  bedrock: {deployments: ["bedrock-sim/us.anthropic.claude-haiku-4-5-20251001-v1:0"]}
"""
LONG = "the quick brown fox jumps over the lazy dog and then " * 150
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("simulated"), CONFIG) as found:
        yield found


@pytest.fixture
def agree(way):
    """After a test, every line of the bill has its entry, and both say the same cost."""
    before = len(way.bill())
    yield
    lines = way.bill()[before:]
    assert lines
    for line in lines:
        (entry,) = way.entries_of(line["gateway_request_id"])
        assert spent([entry]) == Decimal(line["cost_usd"]) > 0
        assert (entry["outcome"], entry["cost_status"]) == ("ok", "exact")
        assert entry["provider"].endswith("-sim")


def test_chat(way, agree):
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    with way.client() as client:
        create = client.chat.completions.create
        whole = create(model="gpt", messages=said("Hello"), reasoning_effort="high")
        list(create(model="gpt", messages=said("Hello"), reasoning_effort="high", stream=True))
        asked = said("Use a tool")
        call = create(model="gpt", messages=asked, tools=tools).choices[0].message
        result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "18 °C"}
        after = create(model="gpt", messages=[*asked, call, result], tools=tools)
    assert whole.usage.completion_tokens_details.reasoning_tokens
    assert after.choices[0].message.content == "It says: 18 °C"


def test_responses(way, agree):
    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
    fields = {"model": "codex", "reasoning": {"effort": "high", "summary": "auto"}, "store": False}
    fields["include"] = ["reasoning.encrypted_content"]
    with way.client() as client:
        first = client.responses.create(input="Use a tool", tools=tools, **fields)
        call = first.output[-1]
        result = {"type": "function_call_output", "call_id": call.call_id, "output": "18 °C"}
        talk = [*said("Use a tool"), *(item.model_dump(exclude={"status"}) for item in first.output), result]
        with client.responses.stream(input=talk, tools=tools, **fields) as stream:
            final = stream.get_final_response()
        counted = client.responses.input_tokens.count(model="codex", input="Hello")
        kept = client.responses.create(model="codex", input="Hello")
        client.responses.create(model="codex", input="And?", previous_response_id=kept.id)
        assert client.responses.retrieve(kept.id).output_text == kept.output_text
        client.responses.delete(kept.id)
    assert counted.input_tokens == kept.usage.input_tokens
    assert [item.type for item in first.output] == ["reasoning", "function_call"]
    assert final.output_text == "It says: 18 °C"


def test_messages(way, agree):
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    system = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    hour = [{"type": "text", "text": f"Now {LONG}", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    fields = {"model": "claude", "max_tokens": 3000, "tools": tools, "thinking": {"type": "adaptive"}}
    with anthropic.Anthropic(base_url=way.url, api_key=way.first, max_retries=0) as client:
        counted = client.messages.count_tokens(model="claude", messages=said("Use a tool"), system=LONG, tools=tools)
        first = client.messages.create(messages=said("Use a tool"), system=system, **fields)
        call = first.content[-1]
        result = [{"type": "tool_result", "tool_use_id": call.id, "content": "18 °C"}]
        talk = [
            *said("Use a tool"),
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": result},
        ]
        with client.messages.stream(messages=talk, system=system, **fields) as stream:
            final = stream.get_final_message()
        client.messages.create(messages=said("Hello"), system=hour, **fields)
    assert counted.input_tokens == first.usage.input_tokens + first.usage.cache_creation_input_tokens
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    assert final.content[-1].text == "It says: 18 °C"
    assert final.usage.cache_read_input_tokens == first.usage.cache_creation_input_tokens > 0


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_gemini(way, agree):
    weather = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[weather])],
        thinking_config=types.ThinkingConfig(thinking_budget=20, include_thoughts=True),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    with closing(genai.Client(api_key=way.first, http_options=types.HttpOptions(base_url=way.url))) as client:
        first = client.models.generate_content(model="gemini", contents="Use a tool", config=config)
        result = types.Part.from_function_response(name="weather", response={"result": "18 °C"})
        talk = [types.UserContent("Use a tool"), first.candidates[0].content, types.UserContent([result])]
        chunks = list(client.models.generate_content_stream(model="gemini", contents=talk, config=config))
        counted = client.models.count_tokens(model="gemini", contents="Hello")
        plain = client.models.generate_content(model="gemini", contents="Hello")
    words = [part.text or "" for chunk in chunks for part in chunk.candidates[0].content.parts if not part.thought]
    assert "".join(words) == "It says: 18 °C"
    assert first.usage_metadata.thoughts_token_count
    assert counted.total_tokens == plain.usage_metadata.prompt_token_count


def test_bedrock(way, agree):
    made = {"region_name": "us-east-1", "aws_access_key_id": way.first, "aws_secret_access_key": "any"}
    with closing(boto3.client("bedrock-runtime", endpoint_url=way.url, **made)) as client:
        system = [{"text": LONG}, {"cachePoint": {"type": "default"}}]
        talk = [{"role": "user", "content": [{"text": "Hello"}]}]
        whole = client.converse(modelId="bedrock", messages=talk, system=system)
        events = list(client.converse_stream(modelId="bedrock", messages=talk, system=system)["stream"])
        body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": said("Hello")}
        invoked = client.invoke_model(modelId="bedrock", body=json.dumps(body))
        chunks = list(client.invoke_model_with_response_stream(modelId="bedrock", body=json.dumps(body))["body"])
    used = events[-1]["metadata"]["usage"]
    assert used["cacheReadInputTokens"] == whole["usage"]["cacheWriteInputTokens"] > 0
    text = json.loads(invoked["body"].read())["content"][0]["text"]
    deltas = [json.loads(chunk["chunk"]["bytes"]).get("delta", {}).get("text", "") for chunk in chunks]
    assert "".join(deltas) == text


def test_errors_of_each_come_back_in_its_shape(way):
    order = "[[sim: fail=429 retry_after=1]]"
    with way.client() as client, pytest.raises(openai.RateLimitError):
        client.responses.create(model="codex", input=order)
    claude = anthropic.Anthropic(base_url=way.url, api_key=way.first, max_retries=0)
    with claude as client, pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="claude", max_tokens=9, messages=said(order))
    gemini = genai.Client(api_key=way.first, http_options=types.HttpOptions(base_url=way.url))
    with closing(gemini) as client, pytest.raises(genai.errors.ClientError) as error:
        client.models.generate_content(model="gemini", contents=order)
    assert (error.value.code, error.value.status) == (429, "RESOURCE_EXHAUSTED")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_without_an_address_the_built_in_simulator_answers(tmp_path, workers):
    config = "providers: {claude-sim: {kind: sim, dialects: [anthropic-messages]}}"
    gate = harness.gateway(tmp_path, config, "--workers", workers)
    try:
        with anthropic.Anthropic(base_url=gate.url, api_key=gate.tokens[1], max_retries=0) as client:
            client.messages.create(model="claude-sim/sim-small", max_tokens=9, messages=said("Hello"))
        bill = tmp_path / "simulator-bill.jsonl"
        lines = [json.loads(line) for line in bill.read_text().splitlines()]
        eventually(lambda: entries(tmp_path))
        assert spent(entries(tmp_path)) == billed(lines) > 0
    finally:
        assert gate.stop() == 0
