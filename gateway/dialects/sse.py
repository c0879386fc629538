"""Server-sent events, without I/O: chunks cut anywhere in, whole events out, not a byte changed.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
from collections.abc import Iterator

EVENT_BYTES_MAX = 1 << 20
"""A longer event is not held back until it is whole. Those are events that carry pictures."""

LATE_BYTES_MAX = 64 << 20
"""An event of up to this size is still read once it is whole. OpenAI's `response.completed` repeats all pictures."""

END_BYTES_MAX = 4  # CR LF CR LF.

# A line ends in CRLF, LF or CR; an event ends in an empty line. A CR is a line end of its own only once
# the next byte shows that it is not half of a CRLF.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))")
_BOM = b"\xef\xbb\xbf"  # May stand before the first event.

ERROR = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])event:[ \t]*error")
"""An event that is an error by its name."""


class EventSplitter:
    """Holds back an unfinished event until the rest has come. One that is too long passes in pieces, and is given to
    be read when it is whole. Every byte is looked at once, and copied at most twice."""

    def __init__(self, held_max: int | None = None) -> None:
        self._held_max = EVENT_BYTES_MAX if held_max is None else held_max
        self._parts: list[bytes] = []  # Of the event that is not whole yet,
        self._size = 0
        self._tail = b""  # and its last bytes, where its end may begin.
        self.passing = False  # It is too long to be held back.
        self.unread_before = b""  # To be passed on before what `feed` returned last, and after it.
        self.unread_after = b""
        self.late = b""  # An event that has been passed on in pieces, to be read before what `feed` returned last.

    def feed(self, chunk: bytes) -> bytes:
        """The bytes of all events that are now whole, in order; empty if none is."""
        self.unread_before = self.unread_after = self.late = b""
        if self.passing:
            chunk = self._pass(chunk)
            if self.passing:
                return b""
        if self._size:
            return self._join(chunk)
        end = _last_end(b"", chunk)
        if end == len(chunk):
            return chunk
        self._hold(chunk[max(0, end) :])
        return chunk[: max(0, end)]

    def rest(self) -> bytes:
        """What is left when the stream is over: an event without its empty line."""
        self.unread_before = self.unread_after = self.late = b""
        rest = self._taken()
        if self.passing:
            self.late = rest
            return b""
        return rest

    def _join(self, chunk: bytes) -> bytes:
        """Go on with an event that is held back."""
        end = _last_end(self._tail, chunk)
        if end < 0:
            self._hold(chunk)
            return b""
        whole = b"".join((*self._parts, chunk[:end]))
        self._taken()
        if end < len(chunk):
            self._hold(chunk[end:])
        return whole

    def _hold(self, part: bytes) -> None:
        if self._size + len(part) > self._held_max:
            self.passing, self.unread_after = True, b"".join((*self._parts, part))
        self._keep(part)

    def _pass(self, chunk: bytes) -> bytes:
        """Pass on what belongs to the event that is too long; return what follows it."""
        seen = self._tail + chunk  # It may have ended right before the chunk, in a CR that only now proves to be alone.
        found = _EVENT_END.search(seen) if b"\n" in seen or b"\r" in seen else None
        end = len(chunk) if found is None else found.end() - len(self._tail)
        self.unread_before = chunk[:end]
        self._keep(chunk[:end])
        if found is None:
            return b""
        self.late, self.passing = self._taken(), False
        return chunk[end:]

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        self._tail = (self._tail + part[-END_BYTES_MAX:])[-END_BYTES_MAX:]
        if self._size > LATE_BYTES_MAX:
            self._parts = []
        elif part:
            self._parts.append(part)

    def _taken(self) -> bytes:
        """All of the event that is kept, and nothing is kept any more."""
        taken = b"".join(self._parts)
        self._parts, self._size, self._tail = [], 0, b""
        return taken


def patient_splitter() -> EventSplitter:
    """One that holds an event back for as long as it is read at all: for those who must have it whole."""
    return EventSplitter(LATE_BYTES_MAX)


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


def _last_end(before: bytes, chunk: bytes) -> int:
    """Where in the chunk its last event ends; 0 if that was right before it, negative if none does."""
    if chunk.endswith(b"\n\n"):
        return len(chunk)
    end = -1
    for match in _EVENT_END.finditer(before + chunk):
        end = match.end()
    return end - len(before)
