"""Pictures that a body carries in itself, for telling their size."""

from __future__ import annotations

import re

import msgspec

from gateway.core.request import Picture
from gateway.dialects import splice

HEAD_CHARACTERS = 256
"""Of a data URL: more than any type of media has."""

_BEGINNING = re.compile(rb'(?:\{\s*"url"\s*:\s*)?"data:image/[a-z]+;base64,')
_QUOTE = re.compile(rb'"')
_TYPE = re.compile(r"data:\s*([\w.+-]+)\s*/")
_ENDING = re.compile(rb'(?:\s*,\s*"detail"\s*:\s*"[a-z]*")?\s*\}?')
_URL_ALONE = re.compile(rb'(?!\{)|\{\s*"url"\s*:\s*"[^"\\]{0,2048}+"' + _ENDING.pattern + rb"\Z")


class _Image(msgspec.Struct):
    """`image_url` of a chat."""

    url: str = ""
    detail: str | None = None


class _Source(msgspec.Struct):
    """`source` of an image at Anthropic."""

    type: str = ""
    data: str = ""


_images = msgspec.json.Decoder(_Image | str)
_sources = msgspec.json.Decoder(_Source)


def of_url(image_url: msgspec.Raw) -> Picture | None:
    """The picture of a chat's part; None for one that lies elsewhere, or where it is not written as expected."""
    try:
        given = _images.decode(bytes(image_url))
    except (msgspec.MsgspecError, ValueError):
        return None
    image = _Image(given) if isinstance(given, str) else given
    head, comma, data = image.url.partition(";base64,")
    return Picture(data, low=image.detail == "low") if comma and head.startswith("data:image/") else None


def is_image(image_url: msgspec.Raw) -> bool:
    """Whether this can be one: not what a data URL says is something else, or writes out as text."""
    head = _head(image_url)
    if head is None or not head.startswith("data:"):
        return head is not None
    return head.startswith("data:image/") and ";base64," in head


def kind_of(image_url: msgspec.Raw) -> str:
    """What a chat's part shows: "image", unless a data URL says that it is "audio", "video" or a "file". Raises
    BadRequest for a URL that is given twice."""
    whole = memoryview(image_url)
    if _is_plainly_image(whole):
        return "image"
    if _URL_ALONE.match(whole) is None:
        splice.refuse_twins(bytes(image_url), _Image.__struct_fields__)
    said = _TYPE.match(_head(image_url) or "")
    if said is None:
        return "image"
    return said[1] if said[1] in ("image", "audio", "video") else "file"


def _is_plainly_image(image_url: memoryview) -> bool:
    """As clients write it: to take megabytes of base64 apart takes ten times as long, and another copy."""
    begun = _BEGINNING.match(image_url)
    ended = begun and _QUOTE.search(image_url, begun.end())
    return bool(ended and _ENDING.fullmatch(image_url, ended.end()))


def _head(image_url: msgspec.Raw) -> str | None:
    """What the URL begins with; None where it is not written as expected."""
    try:
        given = _images.decode(bytes(image_url))
    except (msgspec.MsgspecError, ValueError):
        return None
    return (given if isinstance(given, str) else given.url).lstrip()[:HEAD_CHARACTERS].lower()


def of_source(source: msgspec.Raw) -> Picture | None:
    """The picture of a block at Anthropic; None for one that lies elsewhere."""
    try:
        given = _sources.decode(bytes(source))
    except (msgspec.MsgspecError, ValueError):
        return None
    return Picture(given.data) if given.type == "base64" else None
