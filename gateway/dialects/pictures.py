"""Pictures that a body carries in itself, for telling their size."""

from __future__ import annotations

import msgspec

from gateway.core.request import Picture


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
    return Picture(data, low=image.detail == "low") if comma and head.startswith("data:") else None


def is_image(image_url: msgspec.Raw) -> bool:
    """Whether this can be one: not what a data URL says is something else, or writes out as text."""
    try:
        given = _images.decode(bytes(image_url))
    except (msgspec.MsgspecError, ValueError):
        return False
    url = (given if isinstance(given, str) else given.url).strip().lower()
    return not url.startswith("data:") or (url.startswith("data:image/") and ";base64," in url)


def of_source(source: msgspec.Raw) -> Picture | None:
    """The picture of a block at Anthropic; None for one that lies elsewhere."""
    try:
        given = _sources.decode(bytes(source))
    except (msgspec.MsgspecError, ValueError):
        return None
    return Picture(given.data) if given.type == "base64" else None
