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
_SHOWS = {"image": "image", "img": "image", "audio": "audio", "video": "video"}
"""By type. The second is none, but many write it, and engines take it for the first."""

_FILMS_AT = re.compile(
    r"https?:(?!//img\.youtube\.com/vi/[\w-]+/\w+\.jpg\Z)"
    r"[/\\]*+(?:[^/?#]*[.@\\])?youtu(?:be\w*)?(?:-nocookie)?\.",
    re.IGNORECASE | re.ASCII,
)
"""YouTube, and not the pictures of films there. Google's models see what lies behind such an address as a film."""

_AROUND = "".join(map(chr, range(0x21)))
_WITHIN = ("\t", "\r", "\n")
"""What parsers of URLs leave out, at the ends or anywhere."""

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
    url = _url(image_url)
    head = (url or "")[:HEAD_CHARACTERS].lower()
    if not head.startswith("data:"):
        return url is not None
    return head.startswith(("data:image/", "data:img/")) and ";base64," in head


def kind_of(image_url: msgspec.Raw) -> str:
    """What a chat's part shows: "image", unless a data URL says that it is "audio", "video" or a "file", or it is a
    film at YouTube. Raises BadRequest for a URL that is given twice."""
    whole = memoryview(image_url)
    if _is_plainly_image(whole):
        return "image"
    if _URL_ALONE.match(whole) is None:
        splice.refuse_twins(bytes(image_url), _Image.__struct_fields__)
    url = _url(image_url) or ""
    said = _TYPE.match(url[:HEAD_CHARACTERS].lower())
    if said is None:
        return "video" if _FILMS_AT.match(url) else "image"
    return _SHOWS.get(said[1], "file")


def _is_plainly_image(image_url: memoryview) -> bool:
    """As clients write it: to take megabytes of base64 apart takes ten times as long, and another copy."""
    begun = _BEGINNING.match(image_url)
    ended = begun and _QUOTE.search(image_url, begun.end())
    return bool(ended and _ENDING.fullmatch(image_url, ended.end()))


def _url(image_url: msgspec.Raw) -> str | None:
    """The URL as its parsers read it; None where it is not written as expected."""
    try:
        given = _images.decode(bytes(image_url))
    except (msgspec.MsgspecError, ValueError):
        return None
    url = (given if isinstance(given, str) else given.url).lstrip(_AROUND)
    for left_out in _WITHIN:
        url = url.replace(left_out, "")
    return url


def of_source(source: msgspec.Raw) -> Picture | None:
    """The picture of a block at Anthropic; None for one that lies elsewhere."""
    try:
        given = _sources.decode(bytes(source))
    except (msgspec.MsgspecError, ValueError):
        return None
    return Picture(given.data) if given.type == "base64" else None
