"""Server-sent events: the splitter in any pieces, and the data against a plain reading of the standard."""

from __future__ import annotations

from collections.abc import Iterable

from fuzz.golden import by_dialect
from fuzz.target import pieces

from gateway.dialects import sse

HEAD = 2
"""How it is cut; and how long an event may be to be held back."""

JSON = False

BOM = b"\xef\xbb\xbf"


def check(data: bytes) -> None:
    """No byte is changed, and events are the same however they come."""
    if len(data) < HEAD:
        return
    stream = data[HEAD:]
    expected = list(sse.events(stream))
    assert b"".join(expected) == stream
    for held_max in (None, 16 + data[1]):
        out, events = _split(sse.EventSplitter(held_max), pieces(stream, data[0]))
        assert out == stream
        assert _said(events) == _said(expected)
    if BOM not in stream[1:]:
        told = [found.lstrip(b"\n") for event in expected if (found := sse.payload(event))]
        assert [one for one in told if one] == list(_read(stream))


def _said(events: list[bytes]) -> list[bytes]:
    """Events without the empty lines around them, which may fall to either neighbour."""
    return [said for event in events if (said := event.strip(b"\r\n"))]


def _split(splitter: sse.EventSplitter, chunks: list[bytes]) -> tuple[bytes, list[bytes]]:
    """All bytes that were passed on, and all events that were given to be read."""
    out, events = b"", []
    for chunk in chunks:
        whole = splitter.feed(chunk)
        out += splitter.unread_before + whole + splitter.unread_after
        events += [splitter.late] if splitter.late else []
        events += sse.events(whole)
    rest = splitter.rest()
    return out + rest, events + [one for one in (splitter.late, rest) if one]


def _read(stream: bytes) -> Iterable[bytes]:
    """The data of all events, line by line as the standard says it; of the one that is cut off, too."""
    lines, data = stream.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b""
    for line in [*lines, b""]:
        if line:
            name, _, value = line.partition(b":")
            data += value.removeprefix(b" ") + b"\n" if name == b"data" and b":" in line else b""
            continue
        found = data[:-1].lstrip(b"\n")
        if found:
            yield found
        data = b""


def seeds() -> Iterable[bytes]:
    """Streams with every kind of ending."""
    ends = (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n")
    for number, (_, said) in enumerate(by_dialect()):
        if number % 12 == 0:
            end = ends[number // 12 % len(ends)]
            yield bytes((number % 256, number % 60)) + b"".join(b"data: " + line + end for line in said.split(b"\n"))
    yield b"\x05\x02" + BOM + b": ping\n\nevent: error\rdata:a\rdata: b\r\rid: 1\n\ndata: [DONE]\n\n"
