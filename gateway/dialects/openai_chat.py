"""OpenAI's `POST /v1/chat/completions`, which most providers speak."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Countable, Facts
from gateway.core.usage import Report
from gateway.dialects import openai_errors, splice
from gateway.dialects.base import Quirk
from gateway.dialects.openai_usage import CHARGING, Block, disjoint, read_cost, read_usage
from gateway.dialects.validate import decode, model_name

PROMPT_HEAD_CHARACTERS = 2000
CHOICES_MAX = 128  # OpenAI's own limit for `n`.

OUTPUT_TOKENS_CREDIBLE_MAX = 10_000_000
"""No model generates more. A larger cap passes as it is, and is held for as this one: books have 64 bits."""

_CAP_KEYS = ("max_tokens", "max_completion_tokens")
_MONEY_KEYS = (
    "model",
    "models",
    "stream",
    "stream_options",
    "n",
    "service_tier",
    *_CAP_KEYS,
    "modalities",
    "reasoning_effort",
    "reasoning",
)
_PLAIN_PARTS = frozenset({"", "text", "image_url", "input_audio", "refusal"})
"""Parts whose tokens the bytes or a table bound. Any other (a file, a video) is held for as a file."""

_NO_NEEDS: frozenset[str] = frozenset()
_PART_NEEDS = {"image_url": "vision", "input_audio": "audio", "file": "files"}


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[_Part] | None = None
    name: str | None = None
    tool_calls: msgspec.Raw = msgspec.Raw()


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _ResponseFormat(msgspec.Struct):
    type: str = "text"


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: _ResponseFormat | None = None
    service_tier: str | None = None
    models: Any = None
    modalities: list[str] | None = None
    reasoning_effort: Any = None
    reasoning: Any = None  # OpenRouter's name for it.
    prompt_cache_key: str | None = None
    user: str | None = None


class _Answer(msgspec.Struct):
    """The fields of an answer or a chunk that money depends on. Any: a provider may send anything."""

    model: Any = None
    service_tier: Any = None
    usage: Any = None
    error: Any = None


class _PlainAnswer(msgspec.Struct):
    """The same of an answer as it should be, which is read in one pass."""

    model: str | None = None
    service_tier: str | None = None
    usage: Block | None = None
    error: msgspec.Raw = msgspec.Raw()


_requests = msgspec.json.Decoder(_Body)
_answers = msgspec.json.Decoder(_Answer)
_plain_answers = msgspec.json.Decoder(_PlainAnswer)


class OpenAIChat:
    """The lens for chat completions."""

    name = "openai-chat"
    path = "/chat/completions"

    def read(self, body: bytes) -> Facts:
        """See `Dialect.read`."""
        asked = decode(_requests, body)
        splice.refuse_twins(body, _MONEY_KEYS)
        if not asked.messages:
            raise BadRequest("messages must not be empty", "messages")
        if asked.models:  # OpenRouter's list of fallbacks: what nobody has priced, held for or allowed.
            raise BadRequest("models is not taken here: ask for one model, and configure fallbacks", "models")
        stream = bool(asked.stream)
        options = asked.stream_options
        parts = [p.type for m in asked.messages if isinstance(m.content, list) for p in m.content]
        return Facts(
            model=model_name(asked.model),
            stream=stream,
            wants_usage=not stream or bool(options and options.include_usage),
            output_tokens_max=_output_cap(asked),
            choices=_choices(asked.n),
            needs=_needs(asked, parts),
            reasons=asked.reasoning_effort not in (None, "none") or bool(asked.reasoning),
            speaks="audio" in (asked.modalities or ()),
            images=parts.count("image_url"),
            files=sum(kind not in _PLAIN_PARTS for kind in parts),
            turns=len(asked.messages),
            prompt=_head(asked.messages[-1]),
            service_tier=asked.service_tier,
            session=asked.prompt_cache_key or asked.user,
        )

    def aim(self, body: bytes, model: str, facts: Facts) -> bytes:
        """See `Dialect.aim`. A stream reports usage only on request: `stream_options.include_usage`."""
        if model != facts.model:
            body = splice.replace(body, splice.find_string(body, "model"), msgspec.json.encode(model))
        if not facts.stream or facts.wants_usage:
            return body
        span = splice.find(body, "stream_options")
        if span is None:
            return splice.append(body, "stream_options", b'{"include_usage":true}')
        return splice.replace(body, span, _with_usage(body[slice(*span)]))

    def countable(self, body: bytes) -> Countable:
        """See `Dialect.countable`."""
        asked = decode(_requests, body)
        parts = [p for m in asked.messages if isinstance(m.content, list) for p in m.content]
        texts = [m.content for m in asked.messages if isinstance(m.content, str)]
        texts += [p.text for p in parts if p.text]
        texts += [text for m in asked.messages for text in (m.name, _text(m.tool_calls)) if text]
        return Countable(
            texts=tuple(texts),
            messages=len(asked.messages),
            names=sum(m.name is not None for m in asked.messages),
            tools=_text(asked.tools) + _text(asked.functions),
            images=sum(p.type == "image_url" for p in parts),
            files=sum(p.type not in _PLAIN_PARTS for p in parts),
        )

    def report(self, message: bytes, quirks: frozenset[Quirk]) -> Report:
        """See `Dialect.report`."""
        return read_report(message, quirks)

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)


def read_report(message: bytes, quirks: frozenset[Quirk]) -> Report:
    """What any answer of OpenAI's older endpoints says about its usage. Garbage says nothing."""
    if not quirks & CHARGING:
        try:
            plain = _plain_answers.decode(message)
        except (msgspec.DecodeError, RecursionError):
            return _read_anything(message, quirks)
        usage, clamped = disjoint(plain.usage, quirks) if plain.usage is not None else (None, False)
        return Report(usage, plain.model, plain.service_tier, failed=_is_set(plain.error), clamped=clamped)
    return _read_anything(message, quirks)


def _is_set(raw: msgspec.Raw) -> bool:
    """Whether a field is there and not empty."""
    return len(memoryview(raw)) > 0 and bool(msgspec.json.decode(raw))


def _read_anything(message: bytes, quirks: frozenset[Quirk]) -> Report:
    try:
        answer = _answers.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return Report()
    usage, cost, clamped = None, None, False
    if isinstance(answer.usage, dict):
        usage, clamped = read_usage(answer.usage, quirks)
        cost = read_cost(answer.usage, quirks)
    return Report(
        usage=usage,
        model=answer.model if isinstance(answer.model, str) else None,
        service_tier=answer.service_tier if isinstance(answer.service_tier, str) else None,
        cost=cost,
        failed=bool(answer.error),
        clamped=clamped,
    )


def _with_usage(options: bytes) -> bytes:
    """The value of `stream_options` with usage asked for, and all else in it as it was."""
    if options == b"null":
        return b'{"include_usage":true}'
    span = splice.find(options, "include_usage")
    return splice.replace(options, span, b"true") if span else splice.append(options, "include_usage", b"true")


def _given(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in (b"", b"null", b"[]")


def _text(raw: msgspec.Raw) -> str:
    """JSON that is only counted. What is no UTF-8 is the provider's to refuse."""
    return bytes(raw).decode(errors="replace") if _given(raw) else ""


def _output_cap(asked: _Body) -> int | None:
    """The larger where both names are given: OpenAI refuses that, other providers take either."""
    older, newer = asked.max_tokens, asked.max_completion_tokens
    if older is None and newer is None:
        return None
    for field, cap in (("max_tokens", older), ("max_completion_tokens", newer)):
        if cap is not None and cap < 0:
            raise BadRequest(f"{field} must not be negative", field)
    return min(max(older or 0, newer or 0), OUTPUT_TOKENS_CREDIBLE_MAX)


def _choices(n: int | None) -> int:
    if n is None:
        return 1
    if not 1 <= n <= CHOICES_MAX:
        raise BadRequest(f"n must be between 1 and {CHOICES_MAX}", "n")
    return n


def _needs(asked: _Body, parts: list[str]) -> frozenset[str]:
    if not (parts or asked.tools or asked.functions or asked.response_format):
        return _NO_NEEDS
    needs = {_PART_NEEDS[kind] for kind in parts if kind in _PART_NEEDS}
    if _given(asked.tools) or _given(asked.functions):
        needs.add("tools")
    if asked.response_format and asked.response_format.type != "text":
        needs.add("json")
    return frozenset(needs)


def _head(message: _Message) -> str:
    content = message.content
    if isinstance(content, list):
        content = " ".join(p.text for p in content if p.text)
    return (content or "")[:PROMPT_HEAD_CHARACTERS]
