"""Reading the fields of a form (multipart/form-data) where they lie, without decoding or copying files.

Strict, because what we read must be what the provider reads: RFC 7578 over RFC 2046 section 5.1, with CRLF line ends.
What other parsers may read in another way (a field given twice, a preamble, encoded parts) is refused.
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

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"\\\r\n]{1,70})"|([^\s;",\\]{1,70}))\s*(?:;|$)', re.IGNORECASE)
_DISPOSITION = re.compile(rb"content-disposition:[ \t]*form-data[ \t]*(?=;)(.*)", re.IGNORECASE)
_PARAMETER = re.compile(rb';[ \t]*([a-z*]+)=(?:"((?:[^"\\\r\n]|\\["\\])*)"|([^\s;"]+))[ \t]*', re.IGNORECASE)
_ENCODED = re.compile(rb"content-transfer-encoding:[ \t]*+(?!(?:binary|8bit|7bit)[ \t]*+(?:\r|\Z))", re.IGNORECASE)


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

    def files(self, *names: str) -> list[Field]:
        """The files given under these names, alone or as one of a list: `image[]`."""
        return [field for field in self.fields if field.is_file and field.name.removesuffix("[]") in names]

    @property
    def files_bytes(self) -> int:
        """Of all files together."""
        return sum(field.size for field in self.fields if field.is_file)

    def with_text(self, name: str, value: str) -> bytes:
        """The body with another value in that field, which is known to be there."""
        span = next(field.span for field in self.fields if field.name == name)
        return splice.replace(self.body, span, value.encode())


def boundary_of(content_type: str) -> bytes | None:
    """What stands between the parts of a form, which every client makes up anew; None where none is named."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2]).encode("latin-1", "replace") if found else None


def read_form(body: bytes, content_type: str) -> Form:
    """The form that a body is. Raises BadRequest for one that is not well-formed."""
    kind, _, _ = content_type.partition(";")
    boundary = boundary_of(content_type)
    if kind.strip().lower() != "multipart/form-data" or boundary is None:
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
    if body[at : at + 2] != b"--" or body[at + 2 :].strip():
        raise BadRequest("The form is not closed as it should be.")
    return Form(body, tuple(fields))


def _field(body: bytes, start: int, end: int) -> Field:
    head_end = body.find(b"\r\n\r\n", start, start + HEAD_BYTES_MAX)
    if end < 0 or head_end < 0 or head_end + 4 > end:
        raise BadRequest("A part of the form is not well-formed.")
    head = body[start:head_end]
    said = [found[1] for line in head.split(b"\r\n") if (found := _DISPOSITION.fullmatch(line))]
    if len(said) != 1 or _ENCODED.search(head):
        raise BadRequest("A part of the form is not well-formed.")
    given = _parameters(said[0])
    name = given.get(b"name")
    if name is None or b"name*" in given:
        raise BadRequest("A part of the form has no plain name.")
    is_file = b"filename" in given or b"filename*" in given
    return Field(name.decode(errors="replace"), (head_end + 4, end), is_file)


def _parameters(text: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 0
    while (match := _PARAMETER.match(text, at)) is not None:
        name = match[1].lower()
        if name in found:
            raise BadRequest("A part of the form names itself twice.")
        found[name] = match[2] if match[2] is not None else match[3]
        at = match.end()
    if at != len(text):
        raise BadRequest("A part of the form is not well-formed.")
    return found
