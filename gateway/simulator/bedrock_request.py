"""Bodies of Amazon Bedrock's Converse, and of InvokeModel where the model is Anthropic's.

Source: botocore's model of bedrock-runtime; https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.core.request import Countable
from gateway.simulator import anthropic_request
from gateway.simulator.anthropic_request import SEAL, thinking_of
from gateway.simulator.asked import NEVER, Asked, Caching, Form, Tool, own_texts_of, texts_of
from gateway.simulator.bodies import Positive, read
from gateway.simulator.errors import RefusedError
from gateway.simulator.seals import genuine

INVOKES = "bedrock-2023-05-31"

Block = dict[str, Any]


class Message(Struct, frozen=True):
    """One message."""

    role: str
    content: list[Block]

    def inside(self, name: str) -> list[Any]:
        """What its blocks of one kind hold."""
        return [block[name] for block in self.content if name in block]


class Inference(Struct, frozen=True, rename="camel"):
    """How to answer."""

    max_tokens: Positive | None = None


class Body(Struct, frozen=True, rename="camel"):
    """The body of Converse."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    system: list[Block] = []
    inference_config: Inference = Inference()
    tool_config: Block = {}
    additional_model_request_fields: Block = {}
    output_config: Block = {}


def asked(body: bytes, beside: Mapping[str, str]) -> Asked:
    """The request of Converse; the path says of what model, and whether it is a stream. Raises RefusedError (400)."""
    given = read(Body, body)
    _check(given.messages)
    choice, last = given.tool_config.get("toolChoice") or {}, given.messages[-1]
    fields = given.additional_model_request_fields
    users = (
        message for message in reversed(given.messages) if message.role == "user" and own_texts_of(message.content)
    )
    parts = list(_parts(given))
    return Asked(
        model=beside["model"],
        prompt=tuple(part for part in parts if "cachePoint" not in part),
        countable=_countable(given),
        orders=next(("".join(own_texts_of(message.content)) for message in users), ""),
        cue="".join(own_texts_of(last.content)[-1:]) if last.role == "user" else "",
        results=tuple(_result(result) for result in last.inside("toolResult")),
        stream=beside["verb"] == "converse-stream",
        cap=given.inference_config.max_tokens,
        tools=tuple(_tools(given.tool_config)),
        choice="required" if "any" in choice else "auto",
        forced=str(choice["tool"].get("name")) if "tool" in choice else None,
        form=_form(given.output_config),
        thinking=thinking_of(fields.get("thinking") or {}, given.output_config.get("effort")),
        caching=_caching(parts),
    )


def invoked(body: bytes, beside: Mapping[str, str]) -> Asked:
    """The request of InvokeModel: Anthropic's, without a model and without a word about streams."""
    given = read(dict[str, Any], body)
    if given.get("anthropic_version") != INVOKES:
        raise RefusedError(400, f"anthropic_version: must be {INVOKES}")
    for name in ("model", "stream"):
        if name in given:
            raise RefusedError(400, f"{name}: Extra inputs are not permitted")
    said = given | {"model": beside["model"], "stream": beside["verb"] == "invoke-with-response-stream"}
    return anthropic_request.asked(msgspec.json.encode(said), beside)


def _parts(given: Body) -> Iterator[Block]:
    yield from given.tool_config.get("tools") or ()
    yield from given.system
    for message in given.messages:
        for block in message.content:
            yield {"role": message.role} | block


def _caching(parts: list[Block]) -> Caching:
    """Up to the last point."""
    points = [place for place, part in enumerate(parts) if "cachePoint" in part]
    if not points:
        return NEVER
    return Caching(points[-1] - len(points) + 1, hour=parts[points[-1]]["cachePoint"].get("ttl") == "1h")


def _tools(config: Block) -> Iterator[Tool]:
    for tool in config.get("tools") or ():
        if "toolSpec" in tool:
            yield Tool(str(tool["toolSpec"].get("name")), (tool["toolSpec"].get("inputSchema") or {}).get("json"))


def _form(config: Block) -> Form | None:
    structure = (config.get("textFormat") or {}).get("structure")
    return Form(msgspec.json.decode(structure["jsonSchema"]["schema"])) if structure else None


def _result(result: Block) -> str:
    content = result.get("content") or ()
    values = [msgspec.json.encode(part["json"]).decode() for part in content if "json" in part]
    return "".join((*texts_of(content), *values))


def _countable(given: Body) -> Countable:
    blocks = [*given.system, *(block for message in given.messages for block in message.content)]
    blocks += [part for block in blocks for part in (block.get("toolResult") or {}).get("content") or ()]
    tools = given.tool_config.get("tools")
    return Countable(
        texts=tuple(filter(None, (text for block in blocks for text in _texts(block)))),
        messages=len(given.messages) + bool(given.system),
        tools=msgspec.json.encode(tools).decode() if tools else "",
        images=sum("image" in block for block in blocks),
        files=sum("document" in block for block in blocks),
    )


def _texts(block: Block) -> Iterator[str]:
    yield from texts_of([block])
    for name in ("toolUse", "json"):
        if name in block:
            yield msgspec.json.encode(block[name]).decode()
    yield str(((block.get("reasoningContent") or {}).get("reasoningText") or {}).get("text") or "")


def _check(messages: list[Message]) -> None:
    """Every call is answered in the next message, and nothing else is; thoughts come back as they were."""
    called: set[object] = set()
    for place, message in enumerate(messages):
        answered = {result.get("toolUseId") for result in message.inside("toolResult")}
        if answered != called:
            raise RefusedError(400, f"Expected toolResult blocks at messages.{place}.content for the ids of toolUse.")
        called = {call.get("toolUseId") for call in message.inside("toolUse")}
        for thought in message.inside("reasoningContent"):
            if not genuine((thought.get("reasoningText") or {}).get("signature"), SEAL):
                raise RefusedError(400, f"messages.{place}.content: Invalid signature in reasoningContent")
