"""Heads of requests and answers as text and bytes (RFC 9112, sections 3 and 4). Pure, but for the date."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

FIELDS_MAX = 128
FIELD_BYTES_MAX = 16_384
"""Of one line; common servers allow 8 to 16 KiB."""

LENGTH_DIGITS_MAX = 20
"""Of a Content-Length: llhttp lets any number of zeros stand before it, which no `int` would read."""

ONCE = frozenset({"host", "content-length", "authorization", "x-api-key", "api-key", "x-goog-api-key", "content-type"})
"""Fields of which a request may have one: whoever stands between may have looked at the other."""

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\nDate: " for s in HTTPStatus}


class NotHttp(Exception):
    """The request is no HTTP, or more than we take."""


def request_fields(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header lines by name in lower case; what came twice is joined by commas. Raises NotHttp."""
    fields: dict[str, str] = {}
    for field, value in raw:
        name = field.decode("latin-1").lower()
        text = value.rstrip(b" \t").decode("utf-8", "surrogateescape")  # llhttp trims only what stands before.
        if name in fields:
            if name in ONCE:
                raise NotHttp
            text = f"{fields[name]}, {text}"
        fields[name] = text
    return fields


def request_target(target: bytes) -> tuple[str, str]:
    """The path of a request's target, and its query. Raises NotHttp."""
    path, _, query = target.partition(b"?")
    if path[:1] != b"/":
        scheme, _, rest = path.partition(b"://")
        if scheme.lower() not in (b"http", b"https"):
            raise NotHttp
        path = b"/" + rest.partition(b"/")[2]
    return path.decode("latin-1"), query.decode("latin-1")


def check_framing(version: str, fields: Mapping[str, str]) -> None:
    """What others may read in another way than llhttp does (RFC 9112, sections 2.3, 3.2 and 6). Raises NotHttp."""
    if version == "1.1":
        coding = fields.get("transfer-encoding", "chunked")
        if "host" not in fields or not coding.isascii() or coding.lower() != "chunked":
            raise NotHttp
    elif version != "1.0" or "transfer-encoding" in fields:
        raise NotHttp
    if len(fields.get("content-length", "")) > LENGTH_DIGITS_MAX:
        raise NotHttp


def answer_head(status: int, headers: Mapping[str, str], framing: str) -> bytes:
    """The head of an answer. `framing`: lines on length and connection, each with its end."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if fields.count("\r") != len(headers) or fields.count("\n") != len(headers) or "\0" in fields:
        fields = "".join([f"{_one_line(f'{name}: {value}')}\r\n" for name, value in headers.items()])
    line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\nDate: "
    return f"{line}{_date()}\r\n{fields}{framing}\r\n".encode("utf-8", "surrogateescape")


def _one_line(field: str) -> str:
    """A provider's header that would break ours."""
    return "".join(" " if c in "\r\n\0" else c for c in field)


_now = 0
_text = ""


def _date() -> str:
    """The time as RFC 9110 writes it, made once a second."""
    global _now, _text
    now = int(time.time())
    if now != _now:
        _now, _text = now, formatdate(now, usegmt=True)
    return _text
