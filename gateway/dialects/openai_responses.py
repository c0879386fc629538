"""OpenAI's `POST /v1/responses`, which xAI, Azure, OpenRouter, Groq and others speak too.

What a call sees need not be in it: earlier responses, conversations, stored prompts and items lie at the provider,
and its own tools fetch more. The prompt is then bounded by the model's context window alone. What such tools charge
beside tokens is counted when it is reported, and is not in the hold.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.core.errors import BadRequest, GatewayError
from gateway.core.request import Asked, Countable, Facts, excerpt
from gateway.core.usage import Report
from gateway.dialects import openai_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs, with_query
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.dialects.openai_responses_report import read_report
from gateway.dialects.openai_responses_tools import Tool
from gateway.dialects.recordings import Heard, heard
from gateway.dialects.unread import ALL, SETTINGS, unread
from gateway.dialects.validate import decode, model_name

_MONEY_KEYS = (
    "model",
    "models",
    "input",
    "stream",
    "background",
    "max_output_tokens",
    "service_tier",
    "previous_response_id",
    "conversation",
    "prompt",
    "tools",
    "reasoning",
)
_IMAGES = frozenset({"input_image", "computer_screenshot"})
_PLAIN_PARTS = frozenset({"", "text", "input_text", "output_text", "summary_text", "reasoning_text", "refusal"})
"""Parts whose tokens the bytes bound. Any other that is no image and no sound is held for as a file."""


class _Part(msgspec.Struct):
    type: str = ""
    text: Any = None
    input_audio: msgspec.Raw = msgspec.Raw()


class _Item(msgspec.Struct):
    type: str = ""
    role: str = ""
    content: str | list[_Part] | None = None
    output: Any = None  # Of a tool that the caller ran: text, parts, or the picture of a screen.
    tools: Any = None  # That it adds to those of the request.

    @property
    def parts(self) -> list[str]:
        """The types of all that it consists of."""
        said = [part.type for part in self.content] if isinstance(self.content, list) else []
        given = self.output if isinstance(self.output, list) else [self.output]
        said += [str(part.get("type", "")) for part in given if isinstance(part, dict)]
        return [*said, "input_image"] if self.type == "image_generation_call" else said

    @property
    def recordings(self) -> list[msgspec.Raw]:
        """The sound in it."""
        said = self.content if isinstance(self.content, list) else []
        return [part.input_audio for part in said if part.type == "input_audio"]

    @property
    def kept(self) -> bool:
        """Whether it stands for something that lies at the provider."""
        return self.type == "item_reference" or not (self.type or self.role)


class _Format(msgspec.Struct):
    type: str = "text"


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Reasoning(msgspec.Struct):
    effort: str | None = "medium"


class _Body(msgspec.Struct):
    model: str
    input: str | list[_Item] | None = None
    stream: bool | None = None
    background: bool | None = None
    max_output_tokens: int | None = None
    tools: list[Tool] | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    service_tier: str | None = None
    models: Any = None
    previous_response_id: str | None = None
    conversation: Any = None
    prompt: Any = None
    prompt_cache_key: str | None = None
    user: str | None = None


class _Texts(msgspec.Struct):
    """What becomes tokens."""

    instructions: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    text: msgspec.Raw = msgspec.Raw()


_DATA = re.compile(r'"image_url"\s*+:\s*+"data:image/[\w.+-]++;base64,[\w+/=-]*+"', re.ASCII)
_READ = SETTINGS | dict.fromkeys(("instructions", "input", "tools", "text"), ALL)
_NEVER = re.compile(rb"\0(?!)")  # Beginning with a byte that never comes, it is fast to say so.
_START = rb'(?:\A(?:\xef\xbb\xbf)?|[\r\n])(?:event:[ \t]*|data:[ \t]*\{"type":[ \t]*")'
"""Of a line, where nothing can stand that a caller wrote and an event repeats, as they do tools and metadata."""

_SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{|"type"\s*:\s*"(?:error|response\.(?:completed|incomplete|failed))"'),
    text=re.compile(rb'"delta"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL),
    finish=_NEVER,
    done=re.compile(_START + rb"response\.(?:completed|incomplete|failed)"),
    done_hint=b"response.",
    reasoning=re.compile(_START + rb"response\.reasoning_text\.delta"),  # A summary is not all of it.
    reasoning_hint=b"response.reasoning_text.delta",
    text_whole=lambda: re.compile(rb'"(?:text|refusal|arguments|input|code)"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL),
)

_requests = msgspec.json.Decoder(_Body)
_texts = msgspec.json.Decoder(_Texts)


class OpenAIResponses:
    """The lens for responses."""

    name = "openai-responses"
    signs = _SIGNS
    shows_cost = False

    def read(self, request: Asked) -> Facts:
        """See `Dialect.read`."""
        asked = decode(_requests, request.body)
        splice.refuse_twins(request.body, _MONEY_KEYS)
        if asked.background:
            raise BadRequest(
                "background is not taken here: such a call could be neither metered nor held for", "background"
            )
        if asked.models:  # OpenRouter's list of fallbacks: what nobody has priced, held for or allowed.
            raise BadRequest("models is not taken here: ask for one model, and configure fallbacks", "models")
        items = _items(asked)
        parts = [part for item in items for part in item.parts]
        sound = _sound(items)
        return Facts(
            model=model_name(asked.model),
            stream=bool(asked.stream),
            output_tokens_max=_output_cap(asked.max_output_tokens),
            needs=_needs(asked, parts),
            reasons=asked.reasoning is not None and asked.reasoning.effort != "none",
            images=sum(map(_IMAGES.__contains__, parts)),
            files=sum(map(_is_file, parts)),
            turns=max(1, len(items)),
            prompt=_head(asked.input),
            service_tier=asked.service_tier,
            session=asked.prompt_cache_key or _named(asked.conversation) or asked.user,
            unseen=sound.elsewhere or _sees_more(asked, items),
            input_tokens_max=sound.tokens_max(request.body),
            extras_max=sound.extras_max,
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`. Its streams report usage unasked."""
        return Aimed(with_query("/responses", asked), splice.with_model(asked.body, model, facts))

    def countable(self, request: Asked) -> Countable:
        """See `Dialect.countable`. Input is counted as its JSON, which is never too little, but for the images."""
        asked, texts = decode(_requests, request.body), decode(_texts, request.body)
        items = _items(asked)
        parts = [part for item in items for part in item.parts]
        images, files = sum(map(_IMAGES.__contains__, parts)), sum(map(_is_file, parts))
        said = (_text(texts.instructions), _without_data(_text(texts.input), images))
        structured = "json" in _needs(asked, parts)
        return Countable(
            texts=tuple(filter(None, said if structured else (*said, _text(texts.text)))),
            messages=max(1, len(items)),
            tools=_text(texts.tools),
            schema=_text(texts.text) if structured else "",
            images=images,
            files=files,
            unread=unread(request.body, _READ) + _sound(items).more,
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        return read_report(message, quirks, before)

    error = staticmethod(openai_errors.error_body)

    def stream_error(self, error: GatewayError, request_id: str) -> bytes:
        """See `Dialect.stream_error`. Clients of OpenAI's raise for an `error` field, whatever the event's name."""
        body = msgspec.json.decode(openai_errors.error_body(error, request_id))
        said = {name: body["error"][name] for name in ("code", "message", "param")}
        event = {"type": "error", "sequence_number": 0, **said, **body}
        return b"event: error\ndata: " + msgspec.json.encode(event) + b"\n\n"


def _items(asked: _Body) -> list[_Item]:
    return asked.input if isinstance(asked.input, list) else []


def _sound(items: list[_Item]) -> Heard:
    return heard(recording for item in items for recording in item.recordings)


def _is_file(part: str) -> bool:
    return not (part in _IMAGES or part in _PLAIN_PARTS or part == "input_audio")


def _sees_more(asked: _Body, items: list[_Item]) -> bool:
    """Whether part of the prompt is not in the request."""
    if asked.previous_response_id or asked.conversation or asked.prompt:
        return True
    if any(not tool.callers for tool in asked.tools or ()):
        return True
    return any(item.kept or _adds_more(item) for item in items)


def _adds_more(item: _Item) -> bool:
    """Whether an item adds tools that the caller does not run."""
    if item.type != "additional_tools":
        return False
    try:
        return any(not tool.callers for tool in msgspec.convert(item.tools or [], list[Tool]))
    except msgspec.ValidationError:
        return True


def _needs(asked: _Body, parts: list[str]) -> frozenset[str]:
    needs = set()
    if asked.tools or any(item.type == "additional_tools" for item in _items(asked)):
        needs.add("tools")
    if asked.text and asked.text.format and asked.text.format.type != "text":
        needs.add("json")
    for part in parts:
        if part in _IMAGES:
            needs.add("vision")
        elif part == "input_audio":
            needs.add("audio")
        elif part == "input_file":
            needs.add("files")
    return frozenset(needs)


def _output_cap(cap: int | None) -> int | None:
    if cap is not None and cap < 0:
        raise BadRequest("max_output_tokens must not be negative", "max_output_tokens")
    return cap if cap is None else min(cap, OUTPUT_TOKENS_CREDIBLE_MAX)


def _head(asked: str | list[_Item] | None) -> str:
    if isinstance(asked, list):
        content = asked[-1].content if asked else None
        if isinstance(content, list):
            content = " ".join(part.text for part in content if isinstance(part.text, str))
        asked = content
    return excerpt(asked or "")


def _named(conversation: Any) -> str | None:
    """The id of a conversation, given alone or in an object."""
    found = conversation.get("id") if isinstance(conversation, dict) else conversation
    return found if isinstance(found, str) else None


def _given(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in (b"", b"null", b"[]")


def _text(raw: msgspec.Raw) -> str:
    """JSON that is only counted. What is no UTF-8 is the provider's to refuse."""
    return bytes(raw).decode(errors="replace") if _given(raw) else ""


def _without_data(text: str, images: int) -> str:
    """Without what pictures say of themselves, which are counted apart. More than those are is text."""
    without, found = _DATA.subn('""', text)
    return without if found <= images else text
