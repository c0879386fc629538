"""Amazon Bedrock's Converse and ConverseStream: `POST /model/{modelId}/converse[-stream]`.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts, excerpt
from gateway.core.usage import Report
from gateway.dialects import aws_errors, bedrock_vendors, splice
from gateway.dialects.anthropic_others import kinds_of, own_tools_tokens
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs
from gateway.dialects.bedrock_usage import asked_conditions, read_usage
from gateway.dialects.generated import generated
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.dialects.unread import ALL, SETTINGS, Known, unread
from gateway.dialects.validate import decode, model_name

STREAM = "converse-stream"

_MONEY_KEYS = ("messages", "inferenceConfig", "additionalModelRequestFields", "serviceTier", "performanceConfig")
_THINKING = ("thinking", "reasoning_config", "reasoningConfig", "reasoning_effort")


_ABSENT = msgspec.Raw()
"""One for all fields, so that most of them are told apart by a glance: a body may have many."""


class _Inner(msgspec.Struct):
    """A part of a tool's result."""

    text: str | None = None
    json: msgspec.Raw = _ABSENT
    image: msgspec.Raw = _ABSENT
    document: msgspec.Raw = _ABSENT
    video: msgspec.Raw = _ABSENT
    search_result: msgspec.Raw = msgspec.field(name="searchResult", default=_ABSENT)


class _Result(msgspec.Struct):
    content: list[_Inner] = []


class _Block(_Inner):
    """A part of a message. The kind is the name of the one member that it has."""

    audio: msgspec.Raw = _ABSENT
    tool_use: msgspec.Raw = msgspec.field(name="toolUse", default=_ABSENT)
    tool_result: _Result | None = msgspec.field(name="toolResult", default=None)
    guarded: msgspec.Raw = msgspec.field(name="guardContent", default=_ABSENT)
    reasoning: msgspec.Raw = msgspec.field(name="reasoningContent", default=_ABSENT)
    cited: msgspec.Raw = msgspec.field(name="citationsContent", default=_ABSENT)


class _Guarded(msgspec.Struct):
    """What a guardrail is to look at."""

    image: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    content: list[_Block]
    role: str = ""


class _Inference(msgspec.Struct, rename="camel"):
    max_tokens: int | None = None


class _Body(msgspec.Struct, rename="camel"):
    messages: list[_Message] = []
    system: list[_Block] | None = None
    inference_config: _Inference | None = None
    tool_config: msgspec.Raw = msgspec.Raw()
    additional_model_request_fields: Any = None
    service_tier: Any = None
    performance_config: Any = None
    output_config: msgspec.Raw = msgspec.Raw()


class _Answer(msgspec.Struct, rename="camel"):
    """What money depends on, of a whole answer or the `metadata` event of a stream."""

    usage: msgspec.Raw = msgspec.Raw()
    service_tier: Any = None
    performance_config: Any = None
    trace: Any = None


_requests = msgspec.json.Decoder(_Body)
_guarded = msgspec.json.Decoder(_Guarded | None)
_answers = msgspec.json.Decoder(_Answer)

_SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{'),
    text=re.compile(rb'"(?:text|input)"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL),
    finish=re.compile(rb":event-type\x07\x00\x0bmessageStop"),  # The name alone may stand in what a tool found.
    done=re.compile(rb":event-type\x07\x00\x08metadata"),
    done_hint=b"metadata",
    reasoning=re.compile(rb'"reasoningContent"\s*:\s*\{'),
    reasoning_hint=b'"reasoningContent"',
    text_whole=lambda: generated(rb"text", rb"input"),
)


class BedrockConverse:
    """The lens for Converse. The path names the model and says whether the answer streams."""

    name = "bedrock-converse"
    signs = _SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        body = decode(_requests, asked.body)
        _refuse_twins(asked.body)
        if not body.messages:  # Or they are kept at AWS, where nobody can count them.
            raise BadRequest("messages must not be empty", "messages")
        more = _more(body)
        bedrock_vendors.refuse_others(more)
        parts = list(_parts(body))
        return Facts(
            model=model_name(asked.model),
            stream=asked.verb == STREAM,
            output_tokens_max=_output_cap(body.inference_config, more),
            choices=bedrock_vendors.choices(more),
            needs=_needs(body, parts, more),
            reasons=any(more.get(name) for name in _THINKING),
            images=_attached(parts, "image"),
            files=sum(_attached(parts, kind) for kind in ("document", "video", "audio")),
            turns=len(body.messages),
            prompt=excerpt(" ".join(part.text for part in body.messages[-1].content if part.text)),
            service_tier=asked_conditions(body.service_tier, body.performance_config),
            defined=own_tools_tokens(kinds_of(more.get("tools"))),
            unseen=_attached(parts, "video") > 0,  # An hour of film can be a few kilobytes.
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`. The body names no model, and every stream reports usage: it stays as it is."""
        del facts
        return Aimed(f"/model/{quote(model, safe='')}/{asked.verb}", asked.body)

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`."""
        body = decode(_requests, asked.body)
        parts = list(_parts(body))
        texts = [part.text for part in parts if part.text]
        texts += [text for part in parts for name in _COUNTED if (text := _text(getattr(part, name, _ABSENT)))]
        more = _more(body)  # May define tools of its own.
        return Countable(
            texts=tuple(texts),
            messages=len(body.messages) + len(body.system or ()),
            tools=_text(body.tool_config)
            + _text(body.output_config)
            + (msgspec.json.encode(more).decode() if more else ""),
            defined=own_tools_tokens(kinds_of(more.get("tools"))),
            images=_attached(parts, "image"),
            files=sum(_attached(parts, kind) for kind in ("document", "video", "audio")),
            unread=unread(asked.body, _READ),
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`. No answer names its model, but that of a prompt router names the one it chose."""
        del quirks
        try:
            answer = _answers.decode(message)
            block = msgspec.json.decode(answer.usage) if bytes(answer.usage) else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return before
        if not isinstance(block, dict):
            return before
        usage, clamped = read_usage(block)
        return Report(
            usage=usage or before.usage,
            model=_routed_to(answer.trace) or before.model,
            service_tier=asked_conditions(answer.service_tier, answer.performance_config) or before.service_tier,
            clamped=clamped or before.clamped,
            raw=bytes(answer.usage),
            last=True,
        )

    error = staticmethod(aws_errors.error_body)
    stream_error = staticmethod(aws_errors.stream_error)


_NOTHING = (b"", b"null", b"[]", b"{}")
_NOTHING_BYTES_MAX = 4
_COUNTED = ("json", "search_result", "tool_use", "guarded", "reasoning", "cited")


_SAID: dict[str, Known] = {
    **dict.fromkeys(("text", "json", "image", "video", "searchResult"), ALL),
    "document": {"format": ALL, "name": ALL},  # Its bytes count, too.
}
_BLOCK: Known = {
    **_SAID,
    **dict.fromkeys(("toolUse", "guardContent", "reasoningContent", "citationsContent", "cachePoint"), ALL),
    "toolResult": {"toolUseId": ALL, "status": ALL, "content": _SAID},
}
_READ: Known = {
    **SETTINGS,
    **dict.fromkeys(("toolConfig", "outputConfig", "additionalModelRequestFields"), ALL),
    "system": _BLOCK,
    "messages": {"role": ALL, "content": _BLOCK},
}


def _refuse_twins(body: bytes) -> None:
    """Raises BadRequest if a field that money depends on is given twice."""
    splice.refuse_twins(body, _MONEY_KEYS)
    inference = splice.find_object(body, "inferenceConfig")
    if inference is not None:
        splice.refuse_twins(inference, ("maxTokens",))
    more = splice.find_object(body, "additionalModelRequestFields")
    if more is not None:
        bedrock_vendors.refuse_twins(more)


def _more(body: _Body) -> dict[str, Any]:
    """What Bedrock hands on as it is."""
    more = body.additional_model_request_fields
    return more if isinstance(more, dict) else {}


def _parts(body: _Body) -> Iterator[_Inner]:
    """Every part of the prompt, also those inside results of tools, and pictures for a guardrail."""
    for parts in (body.system or (), *[message.content for message in body.messages]):
        for part in parts:
            yield part
            if part.tool_result is not None:
                yield from part.tool_result.content
            if part.guarded and (guarded := decode(_guarded, bytes(part.guarded))) is not None:
                yield _Inner(image=guarded.image)


def _attached(parts: list[_Inner], kind: str) -> int:
    return sum(_given(getattr(part, kind, _ABSENT)) for part in parts)


def _given(raw: msgspec.Raw) -> bool:
    """Whether there is something. Pictures are not copied to see that."""
    return raw is not _ABSENT and (len(memoryview(raw)) > _NOTHING_BYTES_MAX or bytes(raw) not in _NOTHING)


def _text(raw: msgspec.Raw) -> str:
    """JSON that is only counted. What is no UTF-8 is the provider's to refuse."""
    return bytes(raw).decode(errors="replace") if _given(raw) else ""


def _output_cap(inference: _Inference | None, more: dict[str, Any]) -> int | None:
    """The larger where fields that Bedrock hands on give one, too: which one counts is the vendor's to say."""
    theirs = bedrock_vendors.output_cap(more)
    cap = inference.max_tokens if inference is not None else None
    if cap is None:
        return theirs
    if cap < 0:
        raise BadRequest("inferenceConfig.maxTokens must not be negative", "inferenceConfig.maxTokens")
    return min(max(cap, theirs or 0), OUTPUT_TOKENS_CREDIBLE_MAX)


def _needs(body: _Body, parts: list[_Inner], more: dict[str, Any]) -> frozenset[str]:
    kinds = {"image": "vision", "document": "files", "video": "files", "audio": "audio"}
    needs = {need for kind, need in kinds.items() if _attached(parts, kind)}
    if _given(body.tool_config) or more.get("tools"):
        needs.add("tools")
    if _given(body.output_config):
        needs.add("json")
    return frozenset(needs)


def _routed_to(trace: Any) -> str | None:
    router = trace.get("promptRouter") if isinstance(trace, dict) else None
    model = router.get("invokedModelId") if isinstance(router, dict) else None
    return model if isinstance(model, str) else None
