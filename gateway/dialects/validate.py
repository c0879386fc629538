"""Decoding a request body, with errors that name the field and never show the input."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from gateway.core.errors import BadRequest

T = TypeVar("T")

OBJECTS_MAX = 50_000
"""Of a body. Far more than any call has, and each one takes a step of ours."""

_PATH = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(\w+)`")
_MANY_OBJECTS = re.compile(rb'\s*+(?=\{)(?:(?:[^{"]++|"[^"]*+")*+\{){%d}+' % (OBJECTS_MAX + 1))
_any = msgspec.json.Decoder(msgspec.Raw)


MODEL_NAME_MAX = 256
"""Characters. Names are kept and compared; no model's comes near it."""


def model_name(name: str) -> str:
    """The name, if it can be one. Raises BadRequest."""
    if not 0 < len(name) <= MODEL_NAME_MAX or not name.isprintable():
        raise BadRequest(f"model must be a name of at most {MODEL_NAME_MAX} printable characters", "model")
    return name


def refuse_many_objects(body: bytes) -> None:
    """Raise BadRequest for JSON that would keep all other calls waiting while it is read."""
    if body.count(b"{") <= OBJECTS_MAX or not _is_json(body):  # What is none is refused by whoever reads it.
        return
    if _MANY_OBJECTS.match(without_escapes(body)) is not None:
        raise BadRequest(f"The body must not have more than {OBJECTS_MAX:,} objects.")


def without_escapes(body: bytes) -> bytes:
    """The same with strings that end at their next quotation mark, whatever stood in them."""
    return body.replace(rb"\\", b"").replace(rb"\"", b"")


def _is_json(body: bytes) -> bool:
    try:
        _any.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """The body as the decoder's type. Raises BadRequest for anything that is not that."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as invalid:
        raise _explained(str(invalid)) from None
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest("The body is not valid JSON in UTF-8.") from None


def convert(given: Any, kind: type[T]) -> T:
    """JSON that is decoded already, as this type. Raises BadRequest as `decode` does."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as invalid:
        raise _explained(str(invalid)) from None


def _explained(text: str) -> BadRequest:
    missing = _MISSING.search(text)
    path = _PATH.search(text)
    where = path[1] if path else ""
    if missing:
        name = f"{where}.{missing[1]}".lstrip(".")
        return BadRequest(f"{name} is required", name)
    return BadRequest(_PATH.sub(f" at {where}" if where else "", text), where or None)
