"""Server-sent events, without I/O: chunks cut anywhere in, whole events out, not a byte changed.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
from collections.abc import Iterator

EVENT_BYTES_MAX = 1 << 20
"""A longer event is passed on unread; nothing that a model streams comes near it."""

END_BYTES_MAX = 4  # CR LF CR LF.

# A line ends in CRLF, LF or CR; an event ends in an empty line. A CR is a line end of its own only once
# the next byte shows that it is not half of a CRLF.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))")
_BOM = b"\xef\xbb\xbf"  # May stand before the first event.


class EventSplitter:
    """Holds back an unfinished event until the rest has come. One that is too long passes unread, in pieces."""

    def __init__(self) -> None:
        self._pending = b""
        self._skipped: bytes | None = None  # The last bytes of an event that is too long, until it ends.
        self.unread_before = b""  # To be passed on before what `feed` returned last, and after it.
        self.unread_after = b""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes of all events that are now whole, in order; empty if none is."""
        self.unread_before = self.unread_after = b""
        if self._skipped is not None:
            chunk = self._skip(self._skipped, chunk)
        data = self._pending + chunk if self._pending else chunk
        end = len(data) if data.endswith(b"\n\n") else _last_end(data)
        self._pending = data[end:]
        if len(self._pending) > EVENT_BYTES_MAX:
            self.unread_after = self.rest()
            self._skipped = self.unread_after[-END_BYTES_MAX:]
        return data[:end] if end != len(data) else data

    def rest(self) -> bytes:
        """What is left when the stream is over: an event without its empty line."""
        rest, self._pending = self._pending, b""
        return rest

    def _skip(self, before: bytes, chunk: bytes) -> bytes:
        """Pass on what belongs to the event that is too long; return what follows it."""
        seen = before + chunk  # It may have ended right before the chunk, in a CR that only now proves to be alone.
        ends = (match.end() for match in _EVENT_END.finditer(seen) if match.end() >= len(before))
        end = next(ends, None)
        if end is None:
            self.unread_before, self._skipped = chunk, seen[-END_BYTES_MAX:]
            return b""
        self.unread_before, self._skipped = chunk[: end - len(before)], None
        return chunk[end - len(before) :]


def events(data: bytes) -> Iterator[bytes]:
    """The whole events in some bytes, each with its ending, so that they join up to the same bytes."""
    start = 0
    for match in _EVENT_END.finditer(data):
        yield data[start : match.end()]
        start = match.end()
    if start < len(data):
        yield data[start:]


def payload(event: bytes) -> bytes:
    """The data of one event; empty for a comment."""
    lines = event.removeprefix(_BOM).splitlines()
    parts = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
    return parts[0] if len(parts) == 1 else b"\n".join(parts)


def _last_end(data: bytes) -> int:
    end = 0
    for match in _EVENT_END.finditer(data):
        end = match.end()
    return end
