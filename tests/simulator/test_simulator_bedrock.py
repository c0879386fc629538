"""AWS's own client is satisfied with Converse and InvokeModel, and the bill agrees with what it was told."""

import asyncio
import json
from contextlib import closing

import boto3
import pytest
from botocore import exceptions
from botocore.config import Config

from gateway.simulator.seals import seal

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {"tools": [{"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}
LONG = "the quick brown fox jumps over the lazy dog and then " * 150


def said(*content):
    return {"role": "user", "content": [{"text": part} if isinstance(part, str) else part for part in content]}


class Client:
    """The client, which knows no asyncio."""

    def __init__(self, made):
        self._made = made

    async def converse(self, *content, model="sim-small", **fields):
        asked = {"modelId": model, "messages": [said(*content)] if content else fields.pop("messages")} | fields
        return await asyncio.to_thread(self._made.converse, **asked)

    async def stream(self, *content, model="sim-small", **fields):
        asked = {"modelId": model, "messages": [said(*content)] if content else fields.pop("messages")} | fields
        return await asyncio.to_thread(lambda: drained(self._made.converse_stream(**asked)["stream"]))

    async def invoke(self, body, verb="invoke_model"):
        text = json.dumps(body)
        return await asyncio.to_thread(lambda: read(getattr(self._made, verb)(modelId="sim-large", body=text)["body"]))


def drained(events):
    """All of a stream, which is not closed by itself after an error."""
    with closing(events):
        return list(events)


def read(body):
    if hasattr(body, "read"):
        return json.loads(body.read())
    return [json.loads(event["chunk"]["bytes"]) for event in drained(body)]


@pytest.fixture(params=["", "/v1"])
def client(sim, request):
    made = boto3.client(
        "bedrock-runtime",
        endpoint_url=sim.running.url + request.param,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with closing(made):
        yield Client(made)


def joined(events):
    """The message that the events of a stream make."""
    blocks = {}
    for event in events:
        if start := event.get("contentBlockStart"):
            blocks[start["contentBlockIndex"]] = {"toolUse": start["start"]["toolUse"] | {"input": ""}}
        if delta := event.get("contentBlockDelta"):
            block, added = blocks.setdefault(delta["contentBlockIndex"], {}), delta["delta"]
            if "text" in added:
                block["text"] = block.get("text", "") + added["text"]
            if "toolUse" in added:
                block["toolUse"]["input"] += added["toolUse"]["input"]
            if thought := added.get("reasoningContent"):
                inside = block.setdefault("reasoningContent", {"reasoningText": {}})["reasoningText"]
                inside |= {name: inside.get(name, "") + value for name, value in thought.items()}
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"])
    (stop,) = (event["messageStop"]["stopReason"] for event in events if "messageStop" in event)
    return [blocks[index] for index in sorted(blocks)], stop, events[-1]["metadata"]["usage"]


def parts(answer):
    return answer["output"]["message"]["content"], answer["stopReason"], answer["usage"]


async def test_whole_and_stream_say_the_same_and_are_billed(sim, client):
    whole, events = await client.converse("Hello"), await client.stream("Hello")
    assert parts(whole) == joined(events)
    content, reason, usage = parts(whole)
    assert (len(content[0]["text"].split()), reason) == (usage["outputTokens"], "end_turn")
    assert {line["prompt_tokens"] for line in sim.bill} == {usage["inputTokens"]}
    assert {line["completion_tokens"] for line in sim.bill} == {usage["outputTokens"]}


async def test_thinking_is_signed(client):
    fields = {
        "model": "sim-large",
        "inferenceConfig": {"maxTokens": 4000},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    }
    whole = await client.converse("[[sim: tokens=10]]", **fields)
    thought, answer = joined(await client.stream("[[sim: tokens=10]]", **fields))[0]
    text = thought["reasoningContent"]["reasoningText"]
    first, second = whole["output"]["message"]["content"]
    assert (text["text"], answer) == (first["reasoningContent"]["reasoningText"]["text"], second)
    assert whole["usage"]["outputTokens"] == 20
    talk = [said("Hello"), {"role": "assistant", "content": [thought, answer]}, said("And?")]
    await client.converse(messages=talk, **fields)
    text["signature"] = seal("another")
    with pytest.raises(exceptions.ClientError, match="signature"):
        await client.converse(messages=talk, **fields)


async def test_a_tool_is_called_and_its_result_is_quoted(client):
    whole, events = await client.converse("Use a tool", toolConfig=TOOLS), await client.stream("tool", toolConfig=TOOLS)
    (block,), reason, _ = joined(events)
    assert (reason, block["toolUse"]["name"], list(block["toolUse"]["input"])) == ("tool_use", "weather", ["city"])
    (call,) = whole["output"]["message"]["content"]
    results = [{"text": "18 °C, "}, {"json": {"wind": 3}}]
    result = {"toolResult": {"toolUseId": call["toolUse"]["toolUseId"], "content": results}}
    talk = [said("Use a tool"), {"role": "assistant", "content": [call]}, said(result)]
    after = await client.converse(messages=talk, toolConfig=TOOLS)
    assert after["output"]["message"]["content"] == [{"text": 'It says: 18 °C, {"wind":3}'}]
    with pytest.raises(exceptions.ClientError, match="toolResult"):
        await client.converse(messages=[*talk[:2], said("No.")], toolConfig=TOOLS)
    chosen = {"any": {}}, {"tool": {"name": "weather"}}
    for choice in chosen:
        answer = await client.converse("Hi", toolConfig=TOOLS | {"toolChoice": choice})
        assert answer["stopReason"] == "tool_use"


async def test_json_answers_fit(client):
    form = {"type": "json_schema", "structure": {"jsonSchema": {"schema": json.dumps(SCHEMA)}}}
    answer = await client.converse("Hello", outputConfig={"textFormat": form})
    assert list(json.loads(answer["output"]["message"]["content"][0]["text"])) == ["city"]


@pytest.mark.parametrize("ttl", ["5m", "1h"])
async def test_what_is_marked_is_kept_and_charged_for(sim, client, ttl):
    system = [{"text": LONG}, {"cachePoint": {"type": "default", "ttl": ttl}}]
    first = (await client.converse("One", model="sim-caching", system=system))["usage"]
    second = joined(await client.stream("Two", model="sim-caching", system=system))[2]
    assert first["cacheDetails"] == [{"ttl": ttl, "inputTokens": first["cacheWriteInputTokens"]}]
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"] >= 1024
    assert [(line["written_tokens"], line["cached_tokens"]) for line in sim.bill] == [
        (first["cacheWriteInputTokens"], 0),
        (0, second["cacheReadInputTokens"]),
    ]


async def test_errors_have_their_classes(sim, client):
    for status, kind in {
        429: "Throttling",
        400: "Validation",
        503: "ServiceUnavailable",
        500: "InternalServer",
    }.items():
        with pytest.raises(exceptions.ClientError) as error:
            await client.converse(f"[[sim: fail={status}]]")
        assert error.value.response["Error"]["Code"] == f"{kind}Exception"
    with pytest.raises(exceptions.EventStreamError, match="internalServerException"):
        await client.stream("[[sim: error_after=2]]")
    assert [line["ended"] for line in sim.bill] == ["error"]


async def test_claude_is_invoked(sim, client):
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": "Hello"}],
    }
    whole, events = await client.invoke(body), await client.invoke(body, "invoke_model_with_response_stream")
    text = "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
    assert text == whole["content"][1]["text"]
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["outputTokenCount"] == whole["usage"]["output_tokens"] == sim.bill[0]["completion_tokens"]
    for wrong in ({"model": "x"}, {"stream": True}, {"anthropic_version": "2023-06-01"}):
        with pytest.raises(exceptions.ClientError, match=next(iter(wrong))):
            await client.invoke(body | wrong)
    broken = body | {"messages": [{"role": "user", "content": "[[sim: error_after=1]]"}]}
    with pytest.raises(exceptions.EventStreamError):
        await client.invoke(broken, "invoke_model_with_response_stream")
