"""Replacing one top-level value of a JSON object without touching any other byte."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.core.errors import BadRequest

Span = tuple[int, int]

# A string, or one of the characters that give JSON its structure. Numbers and literals fall between.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]', re.DOTALL)
_STRING_VALUE = re.compile(rb'\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)
_OPENING, _CLOSING = (b"{", b"["), (b"}", b"]")
_ESCAPED_ASCII = rb"\u00"  # A key may hide as "mod\u0065l".


def find(body: bytes, key: str) -> Span | None:
    """Where the value of a top-level key lies in a valid JSON object; None if the key is not there.

    Raises BadRequest if the key stands there twice: parsers disagree on which one counts.
    """
    if _ESCAPED_ASCII not in body and b'"%b"' % key.encode() not in body:
        return None
    return _scan(body, key)


def find_string(body: bytes, key: str) -> Span:
    """Where the string value of a top-level key lies that is known to be there. Raises BadRequest as `find` does."""
    quoted = b'"%b"' % key.encode()
    if _ESCAPED_ASCII not in body and body.count(quoted) == 1:  # So this is the key, and no walk is needed.
        match = _STRING_VALUE.match(body, body.index(quoted) + len(quoted))
        assert match is not None, "the caller has read a string there"
        return match.span(1)
    span = find(body, key)
    assert span is not None, "the caller has read this key"
    return span


def refuse_twins(body: bytes, keys: tuple[str, ...]) -> None:
    """Raise BadRequest if one of the top-level keys stands there twice: parsers disagree on which one counts."""
    for key in keys:
        if body.count(b'"%b"' % key.encode()) > 1 or _ESCAPED_ASCII in body:
            find(body, key)


def find_any(body: bytes, key: str) -> Span | None:
    """As `find`, for what a provider sent: raises nothing, and of twins takes none."""
    try:
        return find(body, key)
    except BadRequest:
        return None


def replace(body: bytes, span: Span, value: bytes) -> bytes:
    """The body with another value in that place."""
    return b"".join((body[: span[0]], value, body[span[1] :]))


def append(body: bytes, key: str, value: bytes) -> bytes:
    """The object with one more member at the end."""
    end = body.rindex(b"}")
    comma = b"" if body[:end].rstrip().endswith(b"{") else b","
    return b'%b%b"%b":%b%b' % (body[:end], comma, key.encode(), value, body[end:])


def _scan(body: bytes, key: str) -> Span | None:
    found = None
    for name, start, end in _members(body):
        if not _same(name, key):
            continue
        if found is not None:
            raise BadRequest(f"{key!r} is given twice", key)
        found = _trim(body, start, end)
    return found


def _members(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The quoted name and the place of every top-level member. Linear; the insides of strings are skipped."""
    depth, name, start = 0, b"", -1
    for match in _TOKEN.finditer(body):
        token = match.group()
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING:
            depth -= 1
        elif depth == 1 and start < 0:
            name, start = (name, match.end()) if token == b":" else (token, -1)
        if start >= 0 and (depth == 0 or (depth == 1 and token == b",")):
            yield name, start, match.start()
            start = -1


def _same(quoted: bytes, key: str) -> bool:
    if b"\\" not in quoted:
        return quoted[1:-1] == key.encode()
    return re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), quoted)[1:-1] == key.encode()


def _trim(body: bytes, start: int, end: int) -> Span:
    value = body[start:end]
    start += len(value) - len(value.lstrip())
    return start, start + len(value.strip())
