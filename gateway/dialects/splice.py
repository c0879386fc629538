"""Replacing one top-level value of a JSON object without touching any other byte."""

from __future__ import annotations

import re

from gateway.core.errors import BadRequest

Span = tuple[int, int]

# A string, or one of the characters that give JSON its structure. Numbers and literals fall between.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]', re.DOTALL)
_STRING_VALUE = re.compile(rb'\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)
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
        if match:
            return match.span(1)
    span = find(body, key)
    assert span is not None, "the caller has read this key"
    return span


def refuse_twins(body: bytes, keys: tuple[str, ...]) -> None:
    """Raise BadRequest if one of the top-level keys stands there twice: parsers disagree on which one counts."""
    for key in keys:
        if body.count(b'"%b"' % key.encode()) > 1 or _ESCAPED_ASCII in body:
            find(body, key)


def replace(body: bytes, span: Span, value: bytes) -> bytes:
    """The body with another value in that place."""
    return b"".join((body[: span[0]], value, body[span[1] :]))


def append(body: bytes, key: str, value: bytes) -> bytes:
    """The body with one more member at the end. The object must have one already."""
    end = body.rindex(b"}")
    return b'%b,"%b":%b%b' % (body[:end], key.encode(), value, body[end:])


def _scan(body: bytes, key: str) -> Span | None:
    """Walk the structure. Linear; the regular expression skips the inside of strings."""
    depth, name, found = 0, b"", None
    value_start = expecting_key = False
    start = 0
    for match in _TOKEN.finditer(body):
        token = match.group()
        if token in b"{[":
            depth += 1
            if depth == 1:
                expecting_key = True
        elif token in b"}]":
            depth -= 1
        if depth > 1 or (depth == 1 and token in b"]}"):
            continue
        if token == b":":
            start, value_start, expecting_key = match.end(), True, False
        elif token == b"," or depth == 0:
            if value_start and _same(name, key):
                if found is not None:
                    raise BadRequest(f"{key!r} is given twice", key)
                found = _trim(body, start, match.start())
            value_start, expecting_key = False, True
        elif expecting_key:
            name = token
    return found


def _same(quoted: bytes, key: str) -> bool:
    if b"\\" not in quoted:
        return quoted[1:-1] == key.encode()
    return re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), quoted)[1:-1] == key.encode()


def _trim(body: bytes, start: int, end: int) -> Span:
    value = body[start:end]
    start += len(value) - len(value.lstrip())
    return start, start + len(value.strip())
