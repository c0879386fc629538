"""Reading the fields of a form (multipart/form-data) where they lie, without decoding or copying files.

Strict, because what we read must be what the provider reads: RFC 7578 over RFC 2046 section 5.1, with CRLF line ends.
What other parsers may read in another way (a field given twice, a preamble, encoded parts, line ends of one byte, names
in other charsets) is refused.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.core.errors import BadRequest
from gateway.dialects import splice

PARTS_MAX = 256
HEAD_BYTES_MAX = 4096
VALUE_BYTES_MAX = 1 << 20
"""Of a field that is no file: a prompt may be long."""

_CHARSET = r'charset="?(?:utf-?8|us-ascii|iso-8859-1)"?'
"""In each of them ASCII is ASCII. The last is what Apache's client for Java says of UTF-8."""

_BOUNDARY = re.compile(
    rf"multipart/form-data(?:[ \t]*;[ \t]*{_CHARSET})?[ \t]*;[ \t]*"
    r"""boundary=(?P<quote>"?)(?P<boundary>[\w!#$%&'*+./:=?^`|~-]{1,70})(?P=quote)"""
    rf"[ \t]*(?:;[ \t]*{_CHARSET}[ \t]*)?;?",
    re.ASCII | re.IGNORECASE,
)
_LINE = re.compile(rb"([a-z-]++):[ \t]*+([^\x00-\x08\x0a-\x1f\x7f]*)", re.IGNORECASE)
_DISPOSITION = re.compile(rb"form-data[ \t]*(?=;)(.*)", re.IGNORECASE)
_PARAMETER = re.compile(rb';[ \t]*([a-z*]+)=(?:"((?:[^"\\\r\n]|\\.)*)"|([^\s;"]+))[ \t]*', re.IGNORECASE)
_NESTED = re.compile(rb";[ \t]*(?:file)?name", re.IGNORECASE)
_PARAMETER_INSIDE = re.compile(_NESTED.pattern + rb"[*0-9]*[ \t]*=", re.IGNORECASE)
_NAME = re.compile(rb"(?!_charset_\Z)[\w.\[\]-]+")
"""The one left out would say how all others are to be decoded."""

_TEXT_TYPE = re.compile(rf"[^;]*(?:;[ \t]*{_CHARSET}[ \t]*)?;?".encode(), re.IGNORECASE)
_PLAIN = {
    b"content-type": re.compile(rb"(?!multipart/|message/).*", re.IGNORECASE),
    b"content-transfer-encoding": re.compile(rb"(?:binary|8bit|7bit)[ \t]*", re.IGNORECASE),
    **dict.fromkeys(
        (b"content-disposition", b"content-length", b"content-id", b"content-language", b"content-md5"),
        re.compile(rb".*"),
    ),
}
"""The lines that clients write above a value, where they leave it as it is."""


class Field(NamedTuple):
    """One part of a form, and where its value lies in the body."""

    name: str
    span: splice.Span
    is_file: bool

    @property
    def size(self) -> int:
        """Bytes of its value."""
        return self.span[1] - self.span[0]


class Form(NamedTuple):
    """The parts in their order."""

    body: bytes
    fields: tuple[Field, ...]

    def text(self, name: str) -> str | None:
        """The value of a field that stands there at most once. Raises BadRequest if it is given twice or is a file."""
        found = [field for field in self.fields if field.name == name]
        if not found:
            return None
        if len(found) > 1 or found[0].is_file or found[0].size > VALUE_BYTES_MAX:
            raise BadRequest(f"{name!r} must be given once, as text", name)
        try:
            return self.body[slice(*found[0].span)].decode()
        except UnicodeDecodeError:
            raise BadRequest(f"{name!r} is not UTF-8", name) from None

    def number(self, name: str) -> int | None:
        """The same of a whole number."""
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise BadRequest(f"{name} must be a whole number", name)
        return int(text)

    @property
    def files(self) -> list[Field]:
        """All that are no text, whatever their names are."""
        return [field for field in self.fields if field.is_file]

    @property
    def files_bytes(self) -> int:
        """Of all files together."""
        return sum(field.size for field in self.files)

    def with_text(self, name: str, value: str) -> bytes:
        """The body with another value in that field, which is known to be there."""
        span = next(field.span for field in self.fields if field.name == name)
        return splice.replace(self.body, span, value.encode())


def boundary_of(content_type: str) -> bytes | None:
    """What stands between the parts of a form, which every client makes up anew; None where none is named."""
    found = _BOUNDARY.fullmatch(content_type)
    return found["boundary"].encode() if found else None


def read_form(body: bytes, content_type: str) -> Form:
    """The form that a body is. Raises BadRequest for one that is not well-formed."""
    boundary = boundary_of(content_type)
    if boundary is None:
        raise BadRequest("This endpoint takes multipart/form-data with a boundary.")
    mark = b"--" + boundary
    if not body.startswith(mark + b"\r\n"):
        raise BadRequest("The form does not begin with its boundary.")
    fields: list[Field] = []
    at = len(mark)
    while body[at : at + 2] == b"\r\n":
        if len(fields) >= PARTS_MAX:
            raise BadRequest("The form has too many parts.")
        end = body.find(b"\r\n" + mark, at + 2)
        fields.append(_field(body, at + 2, end))
        at = end + 2 + len(mark)
    if body[at : at + 2] != b"--" or body[at + 2 :].strip() or _ends_otherwise(body, mark, len(fields)):
        raise BadRequest("The form is not closed as it should be.")
    return Form(body, tuple(fields))


def _ends_otherwise(body: bytes, mark: bytes, parts: int) -> bool:
    """Whether a part ends early for who takes CR or LF for the end of a line."""
    return body.count(b"\n" + mark) != parts or b"\r" + mark in body


def _field(body: bytes, start: int, end: int) -> Field:
    head_end = body.find(b"\r\n\r\n", start, start + HEAD_BYTES_MAX)
    if end < 0 or head_end < 0 or head_end + 4 > end:
        raise BadRequest("A part of the form is not well-formed.")
    head = _head(body[start:head_end])
    said = _DISPOSITION.fullmatch(head.get(b"content-disposition", b""))
    if said is None:
        raise BadRequest("A part of the form is not well-formed.")
    given = _parameters(said[1])
    name = given.get(b"name", b"")
    if _NAME.fullmatch(name) is None or b"name*" in given:
        raise BadRequest("A part of the form has no plain name.")
    is_file = b"filename" in given or b"filename*" in given
    if not is_file and _TEXT_TYPE.fullmatch(head.get(b"content-type", b"")) is None:
        raise BadRequest("A part of the form is in a charset that is not taken.")
    return Field(name.decode(), (head_end + 4, end), is_file)


def _head(lines: bytes) -> dict[bytes, bytes]:
    """What the lines above a value say, by their names in small letters."""
    head: dict[bytes, bytes] = {}
    for line in lines.split(b"\r\n"):
        found = _LINE.fullmatch(line)
        name = found[1].lower() if found else b""
        if found is None or name in head or not _is_plain(name, found[2]):
            raise BadRequest("A part of the form is not well-formed.")
        head[name] = found[2]
    return head


def _is_plain(name: bytes, said: bytes) -> bool:
    """Whether a line leaves the value below it as it is. What is not about content is about nothing here."""
    plain = _PLAIN.get(name)
    return not name.startswith(b"content-") if plain is None else plain.fullmatch(said) is not None


def _parameters(text: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while (match := _PARAMETER.match(text, at)) is not None:
        name, value = match[1].lower(), match[2] if match[2] is not None else match[3]
        if name in found:
            raise BadRequest("A part of the form names itself twice.")
        found[name] = value
        at = match.end()
    nested = _NESTED if b'\\"' in text else _PARAMETER_INSIDE
    if any(map(nested.search, found.values())):  # Who knows no quotes, or no escapes, reads that parameter.
        raise BadRequest("A part of the form is not well-formed.")
    if text[at:].rstrip() not in (b"", b";"):
        raise BadRequest("A part of the form is not well-formed.")
    return found
