"""AWS's binary event stream, without I/O: chunks cut anywhere in, whole messages out, not a byte changed.

A message is a prelude (total length, length of the headers, CRC-32 of both), headers, a payload, and the CRC-32 of all
that. The format: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

import msgspec

PRELUDE_BYTES = 12
CRC_BYTES = 4
MESSAGE_BYTES_MAX = (16 << 20) + PRELUDE_BYTES
"""A longer message is taken for a broken stream; AWS's own parsers allow little more."""

ERROR = re.compile(rb":message-type\x07\x00(?:\x09exception|\x05error)")
"""A message that is an error by its headers. The value's type (7, a string) and length stand before it."""

ERROR_HINT = b"exception"
"""Stands in every error that AWS has modelled, as `:exception-type`. The others have an `:error-code`."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_STRING = 7  # The one type of header values that is written here.
_WRAPPED = b":event-type\x07\x00\x05chunk"  # InvokeModel's events: the vendor's own, in base64.


class _Chunk(msgspec.Struct):
    bytes: str = ""


_chunks = msgspec.json.Decoder(_Chunk)


class _Message(NamedTuple):
    """Where a whole message lies in some bytes."""

    start: int
    payload: int
    end: int


class EventSplitter:
    """Holds back an unfinished message until the rest has come. From the first that is broken, all passes unread."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # Of the unfinished message.
        self._size = 0
        self._needed = PRELUDE_BYTES  # Bytes from which it can be told more.
        self._broken = False
        self.passing = False  # Lines end nothing here.
        self.unread_before = b""  # Never used: what is broken has no end.
        self.unread_after = b""
        self.late = b""  # Never used either: a message is held back however long it is.

    def feed(self, chunk: bytes) -> bytes:
        """The bytes of all messages that are now whole, in order; empty if none is."""
        self.unread_after = b""
        if self._broken:
            self.unread_after = chunk
            return b""
        self._parts.append(chunk)
        self._size += len(chunk)
        if self._size < self._needed:
            return b""
        data = self.rest()
        end = 0
        for message in _messages(data):
            end = message.end
        return self._kept(data, end)

    def rest(self) -> bytes:
        """What is left when the stream is over: a message that was cut."""
        rest = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._size, self._needed = [], 0, PRELUDE_BYTES
        return rest

    def _kept(self, data: bytes, end: int) -> bytes:
        """Keep what follows the whole messages, if it is the beginning of another one."""
        length = _length(data, end)
        left = len(data) - end
        if length is None or left >= length > 0:
            self._broken = True
            self.unread_after = data[end:]
        elif left:
            self._parts, self._size, self._needed = [data[end:]], left, length or PRELUDE_BYTES
        return data if end == len(data) else data[:end]


def events(data: bytes) -> Iterator[bytes]:
    """The whole messages in some bytes, then what is left, so that they join up to the same bytes."""
    end = 0
    for message in _messages(data):
        end = message.end
        yield data[message.start : end]
    if end < len(data):
        yield data[end:]


def payload(event: bytes) -> bytes:
    """The JSON of one message, or that of the vendor's event inside; empty for what is no whole message."""
    for message in _messages(event):
        found = event[message.payload : message.end - CRC_BYTES]
        return _unwrapped(found) if _WRAPPED in event[: message.payload] else found
    return b""


def readable(data: bytes) -> bytes:
    """What patterns can be searched in: the messages as they are, unless text is hidden in base64."""
    if _WRAPPED not in data:
        return data
    return b"\n".join(payload(event) if _WRAPPED in event else event for event in events(data))


def exception(kind: str, body: bytes) -> bytes:
    """An error as one message, such as "throttlingException"."""
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (":exception-type", kind),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        )
    )
    return message(headers, body)


def message(headers: bytes, body: bytes) -> bytes:
    """A whole message of headers as written, and a payload."""
    total = PRELUDE_BYTES + len(headers) + len(body) + CRC_BYTES
    lengths = struct.pack(">II", total, len(headers))
    told = lengths + _CRC.pack(crc32(lengths)) + headers + body
    return told + _CRC.pack(crc32(told))


def _header(name: str, value: str) -> bytes:
    return bytes((len(name),)) + name.encode() + struct.pack(">BH", _STRING, len(value)) + value.encode()


def _messages(data: bytes) -> Iterator[_Message]:
    """The whole messages, up to one that is broken or cut."""
    start = 0
    while (length := _length(data, start)) and start + length <= len(data):
        end = start + length
        if crc32(data[start : end - CRC_BYTES]) != _CRC.unpack_from(data, end - CRC_BYTES)[0]:
            return
        yield _Message(start, start + PRELUDE_BYTES + _PRELUDE.unpack_from(data, start)[1], end)
        start = end


def _length(data: bytes, start: int) -> int | None:
    """How long the message is that begins here: 0 if that has not come yet, None if it is none."""
    if len(data) - start < PRELUDE_BYTES:
        return 0
    total, headers, checksum = _PRELUDE.unpack_from(data, start)
    good = PRELUDE_BYTES + headers + CRC_BYTES <= total <= MESSAGE_BYTES_MAX
    return total if good and crc32(data[start : start + 8]) == checksum else None


def _unwrapped(found: bytes) -> bytes:
    try:
        return base64.b64decode(_chunks.decode(found).bytes)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return found
