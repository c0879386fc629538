"""A JSON array that comes piece by piece, without I/O: chunks cut anywhere in, whole elements out, not a byte changed.

Gemini streams so unless it is asked for server-sent events. The elements are objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.dialects.sse import LATE_BYTES_MAX

ELEMENT_BYTES_MAX = 1 << 20
"""A longer element is not held back until it is whole, as no longer event is. Those are elements with pictures."""

_STRIDE = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_AROUND = b"[], \t\r\n"  # What stands between elements.
_OPENING = b"{["


class _Scanner:
    """Knows where it is in an array, whatever comes next."""

    def __init__(self) -> None:
        self._depth = 0  # Of braces and brackets inside an element; the array's own do not count.
        self._quoted = False
        self._escaped = False

    def ends(self, data: bytes) -> Iterator[int]:
        """Behind every place where an element, or the array, ends."""
        at = 0
        while at < len(data):
            if self._quoted:
                at = self._leave_string(data, at)
                continue
            at = _past(_STRIDE, data, at)
            if at == len(data):
                return
            byte, at = data[at], at + 1
            if byte == ord('"'):
                self._quoted = True
            elif byte in _OPENING:
                self._depth += self._depth > 0 or byte == ord("{")
            else:
                self._depth = max(0, self._depth - 1)
                if self._depth == 0:
                    yield at

    def _leave_string(self, data: bytes, at: int) -> int:
        if self._escaped:
            self._escaped, at = False, at + 1
        at = _past(_IN_STRING, data, at)
        if at == len(data):
            return at
        self._quoted = self._escaped = data[at] == ord("\\")  # Alone at the end of what has come.
        return at + 1


class ElementSplitter:
    """Holds back an unfinished element until the rest has come. One that is too long passes in pieces, and is given to
    be read when it is whole."""

    def __init__(self) -> None:
        self._scanner = _Scanner()
        self._pending = b""
        self._passed: list[bytes] = []  # Of an element that is too long, if it can still be read,
        self._passed_bytes = 0  # and how much of it there was; 0 where there is none.
        self.passing = False  # Lines end nothing here.
        self.unread_before = b""
        self.unread_after = b""
        self.late = b""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes of all elements that are now whole, in order; empty if none is."""
        self.unread_before = self.unread_after = self.late = b""
        ends = list(self._scanner.ends(chunk))
        if self._passed_bytes:
            end = ends[0] if ends else len(chunk)
            self.unread_before = chunk[:end]
            self._keep(self.unread_before)
            if not ends:
                return b""
            self.late = self._taken()
            ends, chunk = [later - end for later in ends[1:]], chunk[end:]
        end = len(self._pending) + ends[-1] if ends else 0
        data = self._pending + chunk
        whole, self._pending = data[:end], data[end:]
        if len(self._pending) > ELEMENT_BYTES_MAX:
            self.unread_after, self._pending = self._pending, b""
            self._keep(self.unread_after)
        return whole

    def rest(self) -> bytes:
        """What is left when the stream is over."""
        self.unread_before = self.unread_after = b""
        self.late = self._taken()
        rest, self._pending = self._pending, b""
        return rest

    def _keep(self, part: bytes) -> None:
        self._passed_bytes += len(part)
        if self._passed_bytes > LATE_BYTES_MAX:
            self._passed = []
        else:
            self._passed.append(part)

    def _taken(self) -> bytes:
        """All that is kept of the element that is too long, and nothing is kept any more."""
        taken = b"".join(self._passed)
        self._passed, self._passed_bytes = [], 0
        return taken


def elements(data: bytes) -> Iterator[bytes]:
    """The whole elements in some bytes, each with what stands before it, so that they join up to the same bytes."""
    start = 0
    for end in _Scanner().ends(data):
        yield data[start:end]
        start = end
    if start < len(data):
        yield data[start:]


def payload(element: bytes) -> bytes:
    """The element itself; empty for the end of the array."""
    return element.strip(_AROUND)


def _past(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    match = pattern.match(data, at)
    assert match is not None, "these patterns match everywhere"
    return match.end()


def last(error: bytes) -> bytes:
    """An error's body as the last element. Its comma may stand too much: the array is broken for a reader anyhow."""
    return b"," + error + b"]"
