"""Watching a stream go by: the same outcome in any pieces, and not a byte changed where nothing is to be changed."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fuzz.golden import by_dialect
from fuzz.promises import PRICE, check_report
from fuzz.target import pieces

from gateway.core.money import Money
from gateway.core.usage import Report
from gateway.dialects import aws_events
from gateway.dialects.framing import AWS, JSON_ARRAY, SSE, Framing
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.watch import StreamWatch

HEAD = 3
"""Which dialect; how it is framed, and what the caller wants; how it is cut."""

JSON = True

NAMES = tuple(DIALECTS)
ARRAYS = "gemini"  # Alone comes as an array: signs of others begin where an event does.
RAW, UNASKED, UNPRICED = 16, 32, 64  # Bits: the bytes as they are; no usage is wanted; no cost is told.


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    choice, how, cut = data[:HEAD]
    framing, stream = _framed(NAMES[choice % len(NAMES)], data[HEAD:], how)
    whole = _outcome(choice, how, framing, [stream])
    parts = _outcome(choice, how, framing, pieces(stream, cut))
    assert parts[0].rstrip(b"\r\n") == whole[0].rstrip(
        b"\r\n"
    )  # Empty lines before a last event that is not all there.
    assert parts[1:3] == whole[1:3]
    if not how & RAW and all(is_json(line) for line in data[HEAD:].split(b"\n")):
        assert parts[1:] == whole[1:]  # A string that has no end in its event might have one in the next.
    check_report(whole[1])
    assert whole[-1] >= 0
    if not how & UNASKED and how & UNPRICED:
        assert stream.startswith(whole[0])
        left = list(framing.events(stream[len(whole[0]) :]))
        assert len(left) <= 1  # A last event that is not all there says nothing.


def _framed(name: str, said: bytes, how: int) -> tuple[Framing, bytes]:
    framing = (SSE, JSON_ARRAY if name == ARRAYS else SSE, AWS)[how % 3]
    if how & RAW:
        return framing, said
    lines = said.split(b"\n")
    if framing is JSON_ARRAY:
        return framing, b"[" + b"\n,\r\n".join(lines) + b"]"
    if framing is AWS:
        return framing, b"".join(aws_events.message(b"\x0b:event-type\x07\x00\x08metadata", line) for line in lines)
    end = b"\r\n\r\n" if how & 8 else b"\n\n"
    return framing, b"".join(b"data: " + line + end for line in lines)


def is_json(line: bytes) -> bool:
    """Whether it is, all of it."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _outcome(
    choice: int, how: int, framing: Framing, chunks: list[bytes]
) -> tuple[bytes, Report, object, bool, str, int]:
    """Everything that can be seen of it."""
    watch = StreamWatch(
        DIALECTS[NAMES[choice % len(NAMES)]],
        frozenset(),
        wants_usage=not how & UNASKED,
        price=lambda report: None if how & UNPRICED or report.usage is None else _price(report),
        framing=framing,
    )
    out = b"".join([watch.feed(chunk) for chunk in chunks]) + watch.finish()
    said = (watch.done, watch.error is not None)  # Which of several errors came first is nobody's.
    return out, watch.report, said, watch.complete, watch.text, watch.text_bytes


def _price(report: Report) -> Money | None:
    assert report.usage is not None
    return PRICE.of(report.usage).total


def seeds() -> Iterable[bytes]:
    """Recorded streams, framed in every way."""
    for number, (dialect, said) in enumerate(by_dialect()):
        if number % 2 == 0 and len(said) < 6000:
            yield bytes((NAMES.index(dialect), number % 128, number % 256)) + said
    yield bytes((0, RAW, 3)) + b': ping\n\nevent: error\ndata: {"error":{"message":"x"}}\n\ndata: [DONE]\n\n'
