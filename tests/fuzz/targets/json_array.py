"""A JSON array as a stream: the splitter in any pieces, and the elements against a parser of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fuzz.golden import by_dialect
from fuzz.target import pieces

from gateway.dialects import json_array

HEAD = 1
"""How it is cut."""

JSON = True


def check(data: bytes) -> None:
    """No byte is changed, and elements are the same however they come."""
    if len(data) < HEAD:
        return
    stream = data[HEAD:]
    expected = list(json_array.elements(stream))
    assert b"".join(expected) == stream
    splitter, events = json_array.ElementSplitter(), []
    for chunk in pieces(stream, data[0]):
        events += json_array.elements(splitter.feed(chunk))
        assert not splitter.unread_before
        assert not splitter.unread_after
    rest = splitter.rest()
    assert b"".join(events) + rest == stream
    assert [*events, rest] == expected if rest else events == expected
    try:
        array = json.loads(stream)
    except (ValueError, RecursionError):
        return
    if isinstance(array, list) and all(isinstance(one, dict) for one in array):
        payloads = [found for event in expected if (found := json_array.payload(event))]
        assert [json.loads(one) for one in payloads] == array


def seeds() -> Iterable[bytes]:
    """Gemini's streams as it sends them."""
    for number, (dialect, said) in enumerate(by_dialect()):
        if dialect == "gemini" and number % 4 == 0:
            yield bytes((number % 256,)) + b"[" + b",".join(said.split(b"\n")) + b"]"
    yield b'\x03[{"a": "}]\\\\\\""}\n,\n{"b": [[1], {}]}\n]'
