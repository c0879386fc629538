"""Replacing one top-level value of a JSON object without touching any other byte."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Facts
from gateway.dialects.validate import decode

Span = tuple[int, int]

BRACKETS_MAX = 100_000
"""Of a body that must be walked. Far more than any call has, and each one takes a step of ours."""

LARGE_BYTES = 64 << 10
"""From here on a copy costs more than what avoids it."""

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_NAME = re.compile(rb"\s*+(" + _STRING + rb")\s*+:", re.DOTALL)
_NO_BRACKETS = re.compile(rb'(?:[^"{}\[\]]++|' + _STRING + rb")*+", re.DOTALL)
_PLAIN_VALUE = re.compile(rb"\s*+(?:" + _STRING + rb'|[^",{}\[\]\s]++)?', re.DOTALL)
_SPACE = re.compile(rb"\s*+")
_STRING_VALUE = re.compile(rb"\s*+:\s*+(" + _STRING + rb")", re.DOTALL)
_LETTER = rb"\\u00(?:3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])"  # As in "mod\u0065l".
_MAYBE_HIDDEN = re.compile(_LETTER)  # Begins with what is fixed: so it is found fifty times as fast as
_HIDDEN_LETTER = re.compile(rb"(?<!\\)(?:\\\\)*+" + _LETTER)  # what also knows whether the backslash is one.
_OPENING = b"{["
_SPACES = b" \t\n\r"
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])


def find(body: bytes, key: str) -> Span | None:
    """Where the value of a top-level key lies in a valid JSON object; None if the key is not there.

    Raises BadRequest if the key stands there twice: parsers disagree on which one counts.
    """
    if b'"%b"' % key.encode() not in body and not _hides_letters(body):
        return None
    found = None
    for name, start, end in _members(body):
        if _plain(name) == key.encode():
            if found is not None:
                raise BadRequest(f"{key!r} is given twice", key)
            found = _trim(body, start, end)
    return found


def find_object(body: bytes, key: str) -> bytes | None:
    """The object that a top-level key has as its value, if it has one. Raises BadRequest as `find` does."""
    span = find(body, key)
    inner = b"" if span is None else body[slice(*span)]
    return inner if inner.startswith(b"{") else None


def find_string(body: bytes, key: str) -> Span:
    """Where the string value of a top-level key lies that is known to be there. Raises BadRequest as `find` does."""
    quoted = b'"%b"' % key.encode()
    if body.count(quoted) == 1 and not _hides_letters(body):  # So this is the key, and no walk is needed.
        match = _STRING_VALUE.match(body, body.index(quoted) + len(quoted))
        assert match is not None, "the caller has read a string there"
        return match.span(1)
    span = find(body, key)
    assert span is not None, "the caller has read this key"
    return span


def refuse_twins(body: bytes, keys: tuple[str, ...]) -> None:
    """Raise BadRequest if one of the top-level keys stands there twice: parsers disagree on which one counts. So they
    do on a key in another case, which Go's takes for the same."""
    members = decode(_top, body)
    exact, folded = _spelt(keys)
    odd = members.keys() - exact
    if not folded.isdisjoint(map(str.casefold, odd)):
        name = min(name for name in odd if name.casefold() in folded)
        meant = next(key for key in keys if key.casefold() == name.casefold())
        raise BadRequest(f"{name!r} is not taken, for some parsers read it as another name: {meant!r}", name)
    if _single(body, members):
        return
    if all(body.count(quoted) <= 1 for quoted in _quoted(keys)) and not _hides_letters(body):
        return
    seen = set()
    for quoted, _, _ in _members(body):
        name = _plain(quoted).decode(errors="replace")
        if name in seen and name in keys:
            raise BadRequest(f"{name!r} is given twice", name)
        seen.add(name)


def _single(body: bytes, members: dict[str, msgspec.Raw]) -> bool:
    """Whether every top-level key stands there once, found in one pass of C for bodies as libraries write them.

    Of twins, msgspec keeps the place of the first and the value of the last. So where the body is what its members
    make, one behind the other, there are none: a twin would have to hide inside the place of a value, which had to
    be longer than the twin's, so a twin's itself, hidden in the place of a longer one, and so on without end.
    """
    colon, comma = (b'": ', b', "') if body.startswith(b'": ', body.find(b'"', 2)) else (b'":', b',"')
    at, before = 0, b'{"'
    for name, value in members.items():
        around = b"%b%b%b" % (before, name.encode(), colon)
        if not body.startswith(around, at):
            return False
        at, before = at + len(around) + len(memoryview(value)), comma
    return body.endswith(b"}") and at == len(body) - 1


def find_any(body: bytes, key: str) -> Span | None:
    """As `find`, for what a provider sent: raises nothing, and of twins takes none."""
    try:
        return find(body, key)
    except (BadRequest, ValueError, IndexError):
        return None


def replace(body: bytes, span: Span, value: bytes) -> bytes:
    """The body with another value in that place. A large one is copied once."""
    if len(body) > LARGE_BYTES:
        return b"".join((memoryview(body)[: span[0]], value, memoryview(body)[span[1] :]))
    return b"".join((body[: span[0]], value, body[span[1] :]))


def append(body: bytes, key: str, value: bytes) -> bytes:
    """The object with one more member at the end."""
    end = last = body.rindex(b"}")
    while body[last - 1] in _SPACES:
        last -= 1
    comma = b"" if body[last - 1] == _OPENING[0] else b","
    return replace(body, (end, end), b'%b"%b":%b' % (comma, key.encode(), value))


def with_model(body: bytes, model: str, facts: Facts) -> bytes:
    """The same body for that model: untouched if that is what it asks for."""
    if model == facts.model:
        return body
    return replace(body, find_string(body, "model"), msgspec.json.encode(model))


@cache
def _spelt(keys: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(keys), frozenset(map(str.casefold, keys))


@cache
def _quoted(keys: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(b'"%b"' % key.encode() for key in keys)


def _members(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The quoted name and the place of every top-level member. What lies inside is skipped in long strides."""
    if body.count(b"{") + body.count(b"[") > BRACKETS_MAX:
        raise BadRequest("The body has too many parts.")
    at = body.index(b"{") + 1
    while (name := _NAME.match(body, at)) is not None:
        end = _value_end(body, name.end())
        yield name[1], name.end(), end
        at = end + 1  # Behind the comma, or the last brace.


def _value_end(body: bytes, at: int) -> int:
    """Where the value that begins here is over: at a comma or a closing brace."""
    at = _past(_SPACE, body, at)
    if body[at] not in _OPENING:
        return _past(_SPACE, body, _past(_PLAIN_VALUE, body, at))
    depth = 0
    while True:
        at = _past(_NO_BRACKETS, body, at)
        depth += 1 if body[at] in _OPENING else -1
        at += 1
        if depth == 0:
            return _past(_SPACE, body, at)


def _past(pattern: re.Pattern[bytes], body: bytes, at: int) -> int:
    match = pattern.match(body, at)
    assert match is not None, "these patterns match everywhere"
    return match.end()


def _hides_letters(body: bytes) -> bool:
    found = _MAYBE_HIDDEN.search(body)
    if found is None:
        return False
    backslashes = len(body[: found.start()].rstrip(b"\\"))
    return _HIDDEN_LETTER.search(body, backslashes) is not None


def with_plain_letters(body: bytes) -> bytes:
    """The same for searching, with no letter of a name escaped. Other escapes may be lost."""
    if not _hides_letters(body):
        return body
    return _MAYBE_HIDDEN.sub(lambda escape: bytes.fromhex(escape[0][-2:].decode()), body.replace(rb"\\", b""))


def _plain(quoted: bytes) -> bytes:
    if b"\\" not in quoted:
        return quoted[1:-1]
    return re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), quoted)[1:-1]


def _trim(body: bytes, start: int, end: int) -> Span:
    value = body[start:end]
    start += len(value) - len(value.lstrip())
    return start, start + len(value.strip())
