"""OpenAI's `POST /v1/chat/completions`, which most providers speak."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts, Picture, excerpt
from gateway.core.usage import Report
from gateway.dialects import openai_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs, with_query
from gateway.dialects.openai_chat_parts import FILM, NEEDS, PLAIN, Part, is_set, kinds_of, refuse_twins, sound
from gateway.dialects.openai_chat_tools import fetches, refuse_compound
from gateway.dialects.openai_report import read_report
from gateway.dialects.openai_research import asked_conditions
from gateway.dialects.pictures import is_image, of_url
from gateway.dialects.unread import ALL, SETTINGS, Known, Members, by_type, unread
from gateway.dialects.validate import decode, model_name

CHOICES_MAX = 128  # OpenAI's own limit for `n`.

OUTPUT_TOKENS_CREDIBLE_MAX = 10_000_000
"""No model generates more. A larger cap passes as it is, and is held for as this one: books have 64 bits."""

_CAP_KEYS = ("max_tokens", "max_completion_tokens")
_MONEY_KEYS = (
    *("model", "models", "messages", "tools", "stream", "stream_options", "n", "service_tier", *_CAP_KEYS),
    *("modalities", "prediction", "reasoning_effort", "reasoning", "web_search_options", "compound_custom"),
    *("data_sources", "chat_template", "google", "extra_body"),
)
_CACHED = re.compile(rb'"cached_?content"\s*:\s*"[^"]', re.IGNORECASE)


class _Picture(msgspec.Struct):
    type: str = ""
    image_url: msgspec.Raw = msgspec.Raw()


class _Seen(msgspec.Struct):
    """All that a message says or shows, beside what `_Message` reads."""

    content: str | list[_Picture] | None = None
    tool_call_id: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()
    refusal: msgspec.Raw = msgspec.Raw()
    reasoning: msgspec.Raw = msgspec.Raw()
    reasoning_content: msgspec.Raw = msgspec.Raw()
    reasoning_details: msgspec.Raw = msgspec.Raw()


class _Said(msgspec.Struct):
    """The same body for counting."""

    messages: list[_Seen]
    response_format: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: msgspec.Raw = msgspec.Raw()
    audio: msgspec.Raw = msgspec.Raw()  # An earlier answer that was spoken, by its id.


class StreamOptions(msgspec.Struct):
    """Of a stream: whether its last chunk tells the usage."""

    include_usage: bool | None = None


class _ResponseFormat(msgspec.Struct):
    type: str = "text"


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    tools: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    response_format: _ResponseFormat | None = None
    service_tier: str | None = None
    models: Any = None
    compound_custom: msgspec.Raw = msgspec.Raw()
    web_search_options: Any = None
    modalities: list[str] | None = None
    prediction: Any = None
    reasoning_effort: Any = None
    reasoning: Any = None  # OpenRouter's name for it.
    prompt_cache_key: str | None = None
    user: str | None = None
    data_sources: msgspec.Raw = msgspec.Raw()  # Azure's: what it finds there, it puts into the prompt.
    chat_template: msgspec.Raw = msgspec.Raw()  # vLLM's: it may repeat the prompt without end.
    google: msgspec.Raw = msgspec.Raw()
    extra_body: msgspec.Raw = msgspec.Raw()  # Where that stands as Google's own guide has it.


_SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{'),
    text=re.compile(  # Possessive: a string that is cut short must not be divided up in every possible way.
        rb'"(?:content|reasoning_content|reasoning|refusal|arguments|text)"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL
    ),
    finish=re.compile(rb'"finish_reason"\s*:\s*"'),
    done=re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])data:[ \t]*\[DONE\]"),
    done_hint=b"[DONE]",
    reasoning=re.compile(rb'"reasoning(?:_content)?"\s*:\s*"[^"]'),
    reasoning_hint=b'"reasoning',
)


_requests = msgspec.json.Decoder(_Body)
_said = msgspec.json.Decoder(_Said)


def _picture(members: Members) -> Known:
    """A part that calls itself a picture, which it need not be."""
    read = ("type", "image_url") if is_image(members.get("image_url", msgspec.Raw(b"null"))) else ("type",)
    return dict.fromkeys((*read, "cache_control"), ALL)


_BESIDE = _Seen.__struct_fields__[1:]
_TEXT = dict.fromkeys(("type", "text", "cache_control"), ALL)
_PARTS = by_type({"": _TEXT, "text": _TEXT, "image_url": _picture})
_COUNTED = dict.fromkeys(("role", "name", "tool_calls", *_BESIDE), ALL)
_READ: Known = {
    **SETTINGS,
    **dict.fromkeys(("tools", "functions", "response_format"), ALL),
    "messages": {**_COUNTED, "content": _PARTS},
}


class OpenAIChat:
    """The lens for chat completions."""

    name = "openai-chat"
    signs = _SIGNS
    shows_cost = True

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        return self._facts(decode(_requests, asked.body), asked.body)

    def _facts(self, asked: _Body, body: bytes) -> Facts:
        splice.refuse_twins(body, _MONEY_KEYS)
        if not asked.messages:
            raise BadRequest("messages must not be empty", "messages")
        if asked.models:  # OpenRouter's list of fallbacks: what nobody has priced, held for or allowed.
            raise BadRequest("models is not taken here: ask for one model, and configure fallbacks", "models")
        refuse_compound(asked.compound_custom)
        stream, options = bool(asked.stream), asked.stream_options
        everything = [p for m in asked.messages if isinstance(m.content, list) for p in m.content]
        refuse_twins(body, everything)
        parts = kinds_of(everything)
        theirs, heard = fetches(asked.tools), sound(everything, parts, _spoken(asked))
        return Facts(
            model=model_name(asked.model),
            stream=stream,
            wants_usage=not stream or bool(options and options.include_usage),
            output_tokens_max=_output_cap(asked),
            choices=choices(asked.n),
            needs=_needs(asked, [part.type for part in everything]),
            reasons=asked.reasoning_effort not in (None, "none") or bool(asked.reasoning),
            hides_output="audio" in (asked.modalities or ()) or asked.prediction is not None,
            images=parts.count("image_url"),
            files=sum(kind not in PLAIN for kind in parts),
            turns=len(asked.messages),
            prompt=_head(asked.messages[-1]),
            service_tier=asked_conditions(asked.service_tier, asked.web_search_options),
            session=asked.prompt_cache_key or asked.user,
            unseen=theirs or heard.elsewhere or not FILM.isdisjoint(parts) or _sees_more(asked),
            fees_untold=theirs,
            input_tokens_max=heard.tokens_max(body),
            extras_max=heard.extras_max,
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`. A stream reports usage only on request: `stream_options.include_usage`."""
        return Aimed(with_query("/chat/completions", asked), aimed(asked.body, model, facts))

    def countable(self, request: Asked) -> Countable:
        """See `Dialect.countable`."""
        asked, said = decode(_requests, request.body), decode(_said, request.body)
        parts = [p for m in asked.messages if isinstance(m.content, list) for p in m.content]
        kinds = kinds_of(parts)
        texts = [m.content for m in asked.messages if isinstance(m.content, str)] + [p.text for p in parts if p.text]
        texts += [text for m in asked.messages for text in (m.name, _text(m.tool_calls)) if text]
        beside = (_text(getattr(m, name)) for m in said.messages for name in _BESIDE)
        shape, structured = _text(said.response_format), _wants_json(asked)
        return Countable(
            texts=(*texts, *filter(None, beside), *(() if structured or not shape else (shape,))),
            messages=len(asked.messages),
            names=sum(m.name is not None for m in asked.messages),
            tools=_text(asked.tools) + _text(asked.functions),
            schema=shape if structured else "",
            images=kinds.count("image_url"),
            pictures=_pictures(said) if "image_url" in kinds else (),
            files=sum(kind not in PLAIN for kind in kinds),
            unread=unread(request.body, _READ) + sound(parts, kinds, _spoken(asked)).more,
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        return read_report(message, quirks, before)

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)


def aimed(body: bytes, model: str, facts: Facts) -> bytes:
    """The body for that model, with usage asked for where it streams."""
    body = splice.with_model(body, model, facts)
    if not facts.stream or facts.wants_usage:
        return body
    span = splice.find(body, "stream_options")
    if span is None:
        return splice.append(body, "stream_options", b'{"include_usage":true}')
    return splice.replace(body, span, _with_usage(body[slice(*span)]))


def _pictures(said: _Said) -> tuple[Picture, ...]:
    """Those in the body itself."""
    seen = [part for message in said.messages if isinstance(message.content, list) for part in message.content]
    return tuple(filter(None, (of_url(part.image_url) for part in seen if part.type == "image_url")))


def _with_usage(options: bytes) -> bytes:
    """The value of `stream_options` with usage asked for, and all else in it as it was."""
    if options == b"null":
        return b'{"include_usage":true}'
    span = splice.find(options, "include_usage")
    return splice.replace(options, span, b"true") if span else splice.append(options, "include_usage", b"true")


def _given(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in (b"", b"null", b"[]")


def _sees_more(asked: _Body) -> bool:
    """Whether part of the prompt lies at the provider, or is made there."""
    named = splice.with_plain_letters(bytes(asked.google) + bytes(asked.extra_body))
    return is_set(asked.data_sources) or is_set(asked.chat_template) or _CACHED.search(named) is not None


def _spoken(asked: _Body) -> int:
    return sum(is_set(message.audio) for message in asked.messages)


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


def choices(n: int | None) -> int:
    """How many answers are asked for. Raises BadRequest for more than anybody gives."""
    if n is None:
        return 1
    if not 1 <= n <= CHOICES_MAX:
        raise BadRequest(f"n must be between 1 and {CHOICES_MAX}", "n")
    return n


def _needs(asked: _Body, parts: list[str]) -> frozenset[str]:
    if not (parts or asked.tools or asked.functions or asked.response_format):
        return frozenset()
    needs = {NEEDS[kind] for kind in parts if kind in NEEDS}
    if _given(asked.tools) or _given(asked.functions):
        needs.add("tools")
    if _wants_json(asked):
        needs.add("json")
    return frozenset(needs)


def _wants_json(asked: _Body) -> bool:
    return asked.response_format is not None and asked.response_format.type != "text"


def _head(message: _Message) -> str:
    content = message.content
    if isinstance(content, list):
        content = " ".join(p.text for p in content if p.text)
    return excerpt(content or "")
