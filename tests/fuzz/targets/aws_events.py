"""AWS's binary streams: any bytes, and messages that are put together well or with one byte changed."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from fuzz.golden import by_dialect
from fuzz.target import pieces

from gateway.dialects import aws_events
from gateway.dialects.framing import AWS

HEAD = 4
"""How it is cut; whether lines become messages; which byte is changed, and how."""

JSON = False

RAW, WRAPPED = 1, 2


def check(data: bytes) -> None:
    """No byte is changed; what is whole is read, and from the first that is broken all passes unread."""
    if len(data) < HEAD:
        return
    cut, how, at, change = data[:HEAD]
    lines = data[HEAD:].split(b"\n")
    stream = data[HEAD:] if how & RAW else b"".join(_message(line, how) for line in lines)
    if change and stream:
        place = at * len(stream) // 256
        stream = stream[:place] + bytes((stream[place] ^ change,)) + stream[place + 1 :]
    expected = list(AWS.events(stream))
    assert b"".join(expected) == stream
    splitter, out, events = AWS.splitter(), b"", []
    for chunk in pieces(stream, cut):
        whole = splitter.feed(chunk)
        out += splitter.unread_before + whole + splitter.unread_after
        events += AWS.events(whole)
    assert out + splitter.rest() == stream
    told = [AWS.payload(event) for event in events]
    assert told == [AWS.payload(event) for event in expected[: len(told)]]
    assert not any(AWS.payload(event) for event in expected[len(told) :])
    if not change and not how & RAW:
        assert told == lines
    assert AWS.readable is not None
    AWS.readable(stream)


def _message(line: bytes, how: int) -> bytes:
    if how & WRAPPED:
        header = b"\x0b:event-type\x07\x00\x05chunk"
        return aws_events.message(header, b'{"bytes":"' + base64.b64encode(line) + b'"}')
    return aws_events.message(b"\x0b:event-type\x07\x00\x08metadata", line)


def seeds() -> Iterable[bytes]:
    """Bedrock's streams, both of its kinds, and whole messages as they are."""
    for number, (dialect, said) in enumerate(by_dialect()):
        if dialect.startswith("bedrock") or number % 20 == 0:
            yield bytes((number % 256, number % 2 * WRAPPED, number * 7 % 256, number % 3)) + said[:2000]
    yield bytes((7, RAW, 0, 0)) + aws_events.exception("throttlingException", b'{"message":"slow"}')
