"""Pictures that a body carries in itself, for telling their size; and pages."""

from __future__ import annotations

from typing import Annotated

import msgspec

from gateway.core.request import Picture

NAME_MAX = 256
"""Characters. No file's name or id is longer."""


class _Image(msgspec.Struct):
    """`image_url` of a chat."""

    url: str = ""
    detail: str | None = None


class _Source(msgspec.Struct):
    """`source` of an image at Anthropic."""

    type: str = ""
    data: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """`file` of a chat, as far as nothing in it can be a text."""

    file_data: str | None = None
    file_id: Annotated[str, msgspec.Meta(max_length=NAME_MAX)] | None = None
    filename: Annotated[str, msgspec.Meta(max_length=NAME_MAX)] | None = None


_PDF = ("data:application/pdf;base64,", "JVBERi0")  # The latter is how each begins, in base64.
_files = msgspec.json.Decoder(_File)
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


def is_pages(file: msgspec.Raw) -> bool:
    """Whether a chat's file is a PDF, or lies elsewhere: text in it would be read as such."""
    try:
        data = _files.decode(bytes(file)).file_data
    except (msgspec.MsgspecError, ValueError):
        return False
    return data is None or data.startswith(_PDF)


def of_source(source: msgspec.Raw) -> Picture | None:
    """The picture of a block at Anthropic; None for one that lies elsewhere."""
    try:
        given = _sources.decode(bytes(source))
    except (msgspec.MsgspecError, ValueError):
        return None
    return Picture(given.data) if given.type == "base64" else None
