"""Cohere's `POST /v2/chat`: https://docs.cohere.com/reference/chat."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts, excerpt
from gateway.core.usage import Report
from gateway.dialects import cohere_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs, with_query
from gateway.dialects.cohere_usage import read_units
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.dialects.unread import ALL, SETTINGS, Known, by_type, unread
from gateway.dialects.validate import decode, model_name

_MONEY_KEYS = ("model", "messages", "stream", "max_tokens", "thinking")
_FAILED = frozenset({"ERROR", "ERROR_TOXIC", "TIMEOUT"})
_NOTHING = (b"", b"null", b"[]", b"{}")


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    document: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[_Part] | None = None
    tool_plan: str | None = None
    tool_calls: msgspec.Raw = msgspec.Raw()


class _Typed(msgspec.Struct):
    type: str = ""


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    max_tokens: int | None = None
    tools: msgspec.Raw = msgspec.Raw()
    documents: msgspec.Raw = msgspec.Raw()
    response_format: _Typed | None = None
    thinking: _Typed | None = None


class _Format(msgspec.Struct):
    response_format: msgspec.Raw = msgspec.Raw()


class _Answer(msgspec.Struct):
    """What money depends on, of a whole answer, or of the last event of a stream."""

    usage: Any = None
    finish_reason: Any = None
    delta: Any = None
    type: Any = None


_requests = msgspec.json.Decoder(_Body)
_formats = msgspec.json.Decoder(_Format)
_answers = msgspec.json.Decoder(_Answer)

_TEXT = dict.fromkeys(("type", "text", "thinking", "document"), ALL)
_PARTS = by_type(
    dict.fromkeys(("", "text", "thinking", "document"), _TEXT)
    | {"image_url": dict.fromkeys(("type", "image_url"), ALL)}
)
_READ: dict[str, Known] = {
    **SETTINGS,
    **dict.fromkeys(("tools", "documents"), ALL),
    "messages": {**dict.fromkeys(("role", "tool_plan", "tool_calls"), ALL), "content": _PARTS},
}

SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{|"finish_reason"\s*:\s*"(?:ERROR|TIMEOUT)'),
    text=re.compile(rb'"(?:text|thinking|tool_plan|arguments)"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL),
    finish=re.compile(rb"\0(?!)"),  # It stands in the last event, and anywhere in what citations repeat of documents.
    # At the start of a line, where nothing can stand that a caller wrote and an event repeats.
    done=re.compile(rb'(?:\A(?:\xef\xbb\xbf)?|[\r\n])(?:event:[ \t]*|data:[ \t]*\{"type":[ \t]*")message-end'),
    done_hint=b"message-end",
    reasoning=re.compile(rb'"thinking"\s*:\s*"[^"]'),
    reasoning_hint=b'"thinking"',
)


class CohereChat:
    """The lens for chat. Streams report usage without being asked to; no answer names its model."""

    name = "cohere-chat"
    signs = SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        body = decode(_requests, asked.body)
        splice.refuse_twins(asked.body, _MONEY_KEYS)
        if not body.messages:
            raise BadRequest("messages must not be empty", "messages")
        if body.max_tokens is not None and body.max_tokens < 0:
            raise BadRequest("max_tokens must not be negative", "max_tokens")
        images = _images(body)
        needs = {
            "tools": _text(body.tools),
            "vision": images,
            "json": _wants_json(body),
        }
        return Facts(
            model=model_name(body.model),
            stream=bool(body.stream),
            output_tokens_max=None if body.max_tokens is None else min(body.max_tokens, OUTPUT_TOKENS_CREDIBLE_MAX),
            needs=frozenset(need for need, is_there in needs.items() if is_there),
            reasons=body.thinking is not None and body.thinking.type != "disabled",
            images=images,
            turns=len(body.messages),
            prompt=excerpt(" ".join(_texts(body.messages[-1]))),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        return Aimed(with_query("/chat", asked), splice.with_model(asked.body, model, facts))

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`."""
        body = decode(_requests, asked.body)
        texts = [text for message in body.messages for text in _texts(message)]
        documents = _text(body.documents)
        return Countable(
            texts=(*texts, documents) if documents else tuple(texts),
            messages=len(body.messages),
            tools=_text(body.tools),
            schema=_text(decode(_formats, asked.body).response_format) if _wants_json(body) else "",
            images=_images(body),
            unread=unread(asked.body, {**_READ, "response_format": ALL} if _wants_json(body) else _READ),
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        del quirks
        try:
            answer = _answers.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return before
        said = answer.delta if isinstance(answer.delta, dict) else msgspec.structs.asdict(answer)
        reason = said.get("finish_reason")
        report = replace(
            before, failed=isinstance(reason, str) and reason in _FAILED, last=answer.type == "message-end"
        )
        block = said.get("usage")
        if not isinstance(block, dict):
            return report
        usage, clamped = read_units(block.get("billed_units"))
        return replace(
            report, usage=usage or before.usage, clamped=clamped or before.clamped, raw=msgspec.json.encode(block)
        )

    error = staticmethod(cohere_errors.error_body)
    stream_error = staticmethod(cohere_errors.stream_error)


def _wants_json(body: _Body) -> bool:
    return body.response_format is not None and body.response_format.type != "text"


def _images(body: _Body) -> int:
    parts = [part for message in body.messages if isinstance(message.content, list) for part in message.content]
    return sum(part.type == "image_url" for part in parts)


def _texts(message: _Message) -> list[str]:
    """What a message says, its calls of tools included."""
    parts = message.content if isinstance(message.content, list) else []
    said = [message.content] if isinstance(message.content, str) else []
    said += [text for part in parts for text in (part.text, part.thinking, _text(part.document)) if text]
    return said + [text for text in (message.tool_plan, _text(message.tool_calls)) if text]


def _text(raw: msgspec.Raw) -> str:
    """JSON that is only counted. What is no UTF-8 is the provider's to refuse."""
    return "" if bytes(raw) in _NOTHING else bytes(raw).decode(errors="replace")
