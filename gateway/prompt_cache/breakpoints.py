"""Marks in a body for Anthropic's messages that say up to where the prompt is to be kept, and for how long.

Put there by splicing: what the model reads stays as it is, and all other bytes too. At most three marks, of the four
that are allowed: behind tools and system prompt, which conversations share; at the end of the turn before the last
answer, where the last call's mark was, since the provider looks back over 20 blocks alone; and at the end.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from gateway.dialects import splice
from gateway.dialects.splice import Span
from gateway.prompt_cache.economics import Life

DIALECT = "anthropic-messages"

_MARKS = {Life.MINUTES: b'{"type":"ephemeral"}', Life.HOUR: b'{"type":"ephemeral","ttl":"1h"}'}
_LONGER = (Life.NONE, Life.MINUTES, Life.HOUR)
_MARKABLE = frozenset({"text", "image", "document", "tool_use", "tool_result"})
_LEAST = (
    (re.compile(r"(?:opus|fable|mythos)-5"), 512),
    (re.compile(r"opus-4-[56]|haiku-4-5"), 4096),
    (re.compile(r"opus-4-7|haiku"), 2048),
)
_LEAST_ELSE = 1024
_COLON = re.compile(rb"\s*+:\s*+")

BYTES_PER_TOKEN = 3
"""Hardly any prompt has fewer. What is taken for long enough and is not is marked in vain, and costs nothing."""

Edit = tuple[Span, bytes]


class _Body(msgspec.Struct):
    system: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    messages: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw()


class _Block(msgspec.Struct):
    type: str = ""
    text: str | None = None


_body = msgspec.json.Decoder(_Body)
_array = msgspec.json.Decoder(list[msgspec.Raw])
_message = msgspec.json.Decoder(_Message)
_block = msgspec.json.Decoder(_Block)


def least_tokens(model: str) -> int:
    """A shorter prompt is not kept, whatever it is marked with."""
    return next((tokens for pattern, tokens in _LEAST if pattern.search(model)), _LEAST_ELSE)


def may_mark(body: bytes, model: str) -> bool:
    """Whether marks would do anything, and the caller has set none."""
    return b'"cache_control"' not in body and len(body) >= BYTES_PER_TOKEN * least_tokens(model)


def longer(head: Life, turns: Life) -> Life:
    """How long the head is to be kept: what is kept longer must come first, so at least as long as the turns."""
    return max(head, turns, key=_LONGER.index)


def marked(body: bytes, head: Life, turns: Life) -> bytes:
    """The body with marks: for tools and system prompt, and for the conversation. Raises BadRequest for a key that is
    given twice."""
    pieces: list[bytes | memoryview] = []  # A large body is copied once.
    at, read = 0, _body.decode(body)
    for (start, end), value in sorted([*_head(body, read, head), *_turns(body, read, turns)]):
        pieces += [memoryview(body)[at:start], value]
        at = end
    return b"".join([*pieces, memoryview(body)[at:]])


def _head(body: bytes, read: _Body, life: Life) -> Iterator[Edit]:
    if life is Life.NONE:
        return
    for key, value in (("system", read.system), ("tools", read.tools)):
        if (span := _find(body, key, value)) is None or body[span[0] : span[1]] in (b"null", b"[]", b'""'):
            continue
        if key == "tools":
            yield from ((at, _with_mark(body, at, life)) for at in _backwards(body, span)[:1])
        else:
            yield from _content(body, span, life)
        return


def _turns(body: bytes, read: _Body, life: Life) -> Iterator[Edit]:
    if life is Life.NONE or (span := _find(body, "messages", read.messages)) is None:
        return
    messages = _backwards(body, span)
    answered = next((n for n, at in enumerate(messages) if n and _said(body, at).role == "assistant"), len(messages))
    for start, end in messages[:1] + messages[answered + 1 : answered + 2]:
        inside = _find(body[start:end], "content", _said(body, (start, end)).content)
        if inside is not None:
            yield from _content(body, (start + inside[0], start + inside[1]), life)


def _find(body: bytes, key: str, read: msgspec.Raw) -> Span | None:
    """As `splice.find`, which walks a body member by member, for a value that was read: large bodies are looked through
    at the speed of memory."""
    quoted, value = b'"%b"' % key.encode(), bytes(read)
    if value and body.count(quoted) == 1:
        match = _COLON.match(body, body.index(quoted) + len(quoted))
        if match is not None and body.startswith(value, match.end()):
            return match.end(), match.end() + len(value)
    return splice.find(body, key) if value else None


def _said(body: bytes, at: Span) -> _Message:
    return _message.decode(memoryview(body)[at[0] : at[1]])


def _content(body: bytes, span: Span, life: Life) -> Iterator[Edit]:
    """The content with a mark at its end: a text alone becomes a block, which says the same."""
    value = body[span[0] : span[1]]
    if value.startswith(b'"') and value != b'""':
        yield span, b'[{"type":"text","text":%b,"cache_control":%b}]' % (value, _MARKS[life])
    elif value.startswith(b"["):
        for at in _backwards(body, span)[:1]:
            block = _block.decode(body[at[0] : at[1]])
            if block.type in _MARKABLE and block.text != "":
                yield at, _with_mark(body, at, life)


def _with_mark(body: bytes, at: Span, life: Life) -> bytes:
    return splice.append(body[at[0] : at[1]], "cache_control", _MARKS[life])


def _backwards(body: bytes, span: Span) -> list[Span]:
    """Where the elements of an array lie, the last first."""
    found, end = [], span[1] - 1
    for raw in reversed(_array.decode(memoryview(body)[span[0] : span[1]])):
        while body[end - 1] in b" \t\n\r,":
            end -= 1
        found.append((end - len(memoryview(raw)), end))
        end = found[-1][0]
    return found
