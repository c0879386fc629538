"""Anthropic's `POST /v1/messages`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.price import PLACE, conditions
from gateway.core.request import Asked, Countable, Facts, excerpt
from gateway.core.usage import Report
from gateway.dialects import anthropic_errors, splice
from gateway.dialects.anthropic_blocks import BOUNDED, PLAIN, Block, all_blocks, is_file
from gateway.dialects.anthropic_others import Tool, others, own_tools_tokens, speed_condition
from gateway.dialects.anthropic_report import read_report
from gateway.dialects.anthropic_usage import NOWHERE_SPECIAL
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs, with_query
from gateway.dialects.generated import generated
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.dialects.pictures import of_source
from gateway.dialects.unread import ALL, SETTINGS, Known, Members, unread, word
from gateway.dialects.validate import decode, model_name

_MONEY_KEYS = (
    *("model", "messages", "system", "stream", "max_tokens", "service_tier", "speed", "inference_geo"),
    *("thinking", "tools", "mcp_servers", "fallbacks", "thread"),
)


class _Typed(msgspec.Struct):
    type: Any = None


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[Block] | None = None


class _Metadata(msgspec.Struct):
    user_id: str | None = None


class _OutputConfig(msgspec.Struct):
    format: Any = None


class _Body(msgspec.Struct):
    model: str
    messages: list[_Message]
    max_tokens: int | None = None
    stream: bool | None = None
    system: str | list[Block] | None = None
    tools: list[Tool] | None = None
    mcp_servers: Any = None
    thinking: _Typed | None = None
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    metadata: _Metadata | None = None
    output_format: Any = None
    output_config: _OutputConfig | None = None
    fallbacks: Any = None
    thread: Any = None


class _Told(msgspec.Struct):
    content: str | list[msgspec.Raw] | None = None


class _Text(msgspec.Struct):
    """The same body for counting: blocks as they stand there."""

    messages: list[_Told]
    system: str | list[msgspec.Raw] | None = None
    tools: msgspec.Raw = msgspec.Raw()
    output_format: msgspec.Raw = msgspec.Raw()
    output_config: msgspec.Raw = msgspec.Raw()


_requests = msgspec.json.Decoder(_Body)
_counted = msgspec.json.Decoder(_Text)
_block = msgspec.json.Decoder(Block)
_inner_text = msgspec.json.Decoder(str | list[msgspec.Raw] | None)

SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{'),
    text=re.compile(rb'"(?:text|thinking|partial_json)"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL),
    finish=re.compile(rb'"stop_reason"\s*:\s*"'),
    done=re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])event:[ \t]*message_stop"),
    done_hint=b"message_stop",
    reasoning=re.compile(rb'"thinking"\s*:\s*"[^"]'),
    reasoning_hint=b'"thinking',
    text_whole=lambda: generated(rb"text|thinking", rb"input"),
    fetched=re.compile(rb'"type"\s*:\s*"(\w+?)_tool_result"'),
)


class AnthropicMessages:
    """The lens for messages. Streams report usage without being asked to."""

    name = "anthropic-messages"
    path = "/messages"
    signs = SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`. `max_tokens` is required, as it is at Anthropic."""
        body = _read(asked.body)
        return replace(
            _facts(body),
            stream=bool(body.stream),
            output_tokens_max=_output_cap(body.max_tokens),
            service_tier=_conditions(body),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        return Aimed(with_query(self.path, asked), splice.with_model(asked.body, model, facts))

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`."""
        body = decode(_counted, asked.body)
        facts = facts_of(asked)
        contents = [message.content for message in body.messages] + [body.system]
        pictured = [b.source for b in _blocks(_read(asked.body)) if b.type == "image"] if facts.images else []
        return Countable(
            texts=tuple(_texts(contents)),
            messages=facts.turns + (body.system is not None),
            tools=_text(body.tools),
            defined=facts.defined,
            schema=_text(body.output_format) + _text(body.output_config) if "json" in facts.needs else "",
            images=facts.images,
            pictures=tuple(filter(None, map(of_source, pictured))),
            files=facts.files,
            unread=unread(asked.body, _READ | _SHAPES if "json" in facts.needs else _READ),
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        return read_report(message, quirks, before)

    error = staticmethod(anthropic_errors.error_body)
    stream_error = staticmethod(anthropic_errors.stream_error)


def facts_of(asked: Asked) -> Facts:
    """What is true of a call and of counting its tokens alike. Raises BadRequest."""
    return _facts(_read(asked.body))


def _read(given: bytes) -> _Body:
    """The body, with nothing in it that would be counted or charged elsewhere than we look."""
    body = decode(_requests, given)
    splice.refuse_twins(given, _MONEY_KEYS)
    if not body.messages:
        raise BadRequest("messages must not be empty", "messages")
    if body.thread is not None:
        raise BadRequest("thread is not taken here: what the provider remembers cannot be counted", "thread")
    return body


def _facts(body: _Body) -> Facts:
    blocks = _blocks(body)
    images, files = sum(block.type == "image" for block in blocks), sum(map(is_file, blocks))
    needs = {"tools": body.tools or body.mcp_servers, "vision": images, "files": files, "json": _wants_json(body)}
    return Facts(
        model=model_name(body.model),
        needs=frozenset(need for need, is_there in needs.items() if is_there),
        reasons=body.thinking is not None and body.thinking.type != "disabled",
        images=images,
        files=files,
        turns=len(body.messages),
        prompt=_head(body.messages[-1]),
        session=body.metadata.user_id if body.metadata else None,
        also=others(body.tools, body.fallbacks),
        defined=own_tools_tokens(tool.type for tool in body.tools or ()),
    )


def _conditions(body: _Body) -> str | None:
    """What is asked for that changes the price. Whether `auto` becomes a priority is up to the account."""
    fast = speed_condition(body.speed)
    place = "" if body.inference_geo in (None, *NOWHERE_SPECIAL) else f"{PLACE}{body.inference_geo}"
    tier = body.service_tier if body.service_tier not in (None, "standard_only") else ""
    return conditions(tier or "", fast, place) or None


def _wants_json(body: _Body) -> bool:
    return bool(body.output_format or (body.output_config and body.output_config.format))


def _output_cap(cap: int | None) -> int:
    if cap is None:
        raise BadRequest("max_tokens is required", "max_tokens")
    if cap < 0:
        raise BadRequest("max_tokens must not be negative", "max_tokens")
    return min(cap, OUTPUT_TOKENS_CREDIBLE_MAX)


def _blocks(body: _Body) -> list[Block]:
    return all_blocks([*[message.content for message in body.messages], body.system])


def _texts(contents: list[str | list[msgspec.Raw] | None]) -> Iterator[str]:
    """What the model reads. A block that is more than a text counts as its whole JSON, which is never too little."""
    for content in contents:  # Grows while it is walked.
        if isinstance(content, str):
            yield content
            continue
        for raw in content or ():
            block = decode(_block, bytes(raw))
            if block.type == "tool_result" and block.content:
                contents.append(decode(_inner_text, bytes(block.content)))
            elif block.type == "text" and block.text is not None:
                yield block.text
            elif block.type != "image" and not is_file(block):
                yield _text(raw)


def _read_of(members: Members) -> Known:
    """What is counted of a block."""
    kind = word(members, "type")
    if kind == "tool_result":
        return {"type": ALL, "tool_use_id": ALL, "cache_control": ALL, "content": _read_of}
    if kind == "text" and "text" in members:
        return dict.fromkeys(("type", "text", "cache_control", "citations"), ALL)
    if kind == "image":
        return dict.fromkeys(("type", "source", "cache_control"), ALL)
    if kind == "document":
        return {"type": ALL, "source": _read_of_source, "cache_control": ALL}
    return ALL if kind in PLAIN or kind.endswith(BOUNDED) else {"type": ALL}


def _read_of_source(source: Members) -> Known:
    """A document that is no text counts as a file, and by its bytes: it may be longer than any file."""
    return ALL if word(source, "type") == "text" else {"type": ALL}


_SHAPES: dict[str, Known] = {"output_format": ALL, "output_config": ALL}
_READ: dict[str, Known] = {
    **SETTINGS,
    "tools": ALL,
    "system": _read_of,
    "messages": {"role": ALL, "content": _read_of},
}


def _text(raw: msgspec.Raw) -> str:
    """JSON that is only counted. What is no UTF-8 is the provider's to refuse."""
    given = bytes(raw)
    return "" if given in (b"", b"null", b"[]") else given.decode(errors="replace")


def _head(message: _Message) -> str:
    content = message.content
    if isinstance(content, list):
        content = " ".join(block.text for block in content if block.text)
    return excerpt(content or "")
