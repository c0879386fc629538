"""AWS's binary event stream, as a provider writes it: https://smithy.io/2.0/aws/amazon-eventstream.html."""

from __future__ import annotations

import json
import struct
from typing import Any
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # The type of all headers' values.
_CRC_BYTES = 4
_PRELUDE_BYTES = 12


def frame(kind: str, data: dict[str, Any]) -> bytes:
    """An event."""
    return _message({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, data)


def exception(kind: str, message: str) -> bytes:
    """An error amid a stream."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return _message(headers, {"message": message})


def _message(headers: dict[str, str], data: dict[str, Any]) -> bytes:
    """The lengths and their checksum, headers, payload, and the checksum of all that."""
    head, payload = b"".join(_header(*header) for header in headers.items()), json.dumps(data).encode()
    lengths = struct.pack(">II", _PRELUDE_BYTES + len(head) + len(payload) + _CRC_BYTES, len(head))
    prelude = lengths + struct.pack(">I", crc32(lengths))
    whole = prelude + head + payload
    return whole + struct.pack(">I", crc32(whole))


def _header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(value)) + value.encode()
