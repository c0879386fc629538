"""Parts of a chat's content as blocks of a message: text, pictures, files."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields

Block = dict[str, Any]

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"
_PDF_BASE64 = "JVBERi"  # How "%PDF-" begins in base64: for files without a media type.


def text_blocks(message: Fields, name: str = "content") -> list[Block]:
    """Content that can only be text, as for a system prompt."""
    return _content(message, name, only_text=True)


def content_blocks(message: Fields, name: str = "content") -> list[Block]:
    """Any content. Blank texts are left out: they say nothing, and Anthropic refuses them."""
    return _content(message, name, only_text=False)


def _content(message: Fields, name: str, *, only_text: bool) -> list[Block]:
    return [made for part in message.content(name) if (made := _block(part, only_text=only_text)) is not None]


def _block(part: Fields, *, only_text: bool) -> Block | None:
    kind = part.needed("type")
    part.note("prompt_cache_breakpoint")
    if kind in ("text", "refusal"):
        block = _text(part, kind)
    elif only_text or kind not in _MEDIA:
        part.drop_all("There are no parts of this type there.", kind)
        return None
    else:
        block = _MEDIA[kind](part)
    cache = part.any("cache_control")
    return block | {"cache_control": cache} if block is not None and cache is not None else block


def _text(part: Fields, kind: str) -> Block | None:
    text = part.needed(kind)
    return {"type": "text", "text": text} if text.strip() else None


def _picture(part: Fields) -> Block | None:
    image = part.inner("image_url")
    url = image.needed("url")
    if image.any("detail") not in (None, "auto"):
        image.hint("detail")
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, data = _of_data_url(url, image.at("url"))
    media = "image/jpeg" if media == "image/jpg" else media
    if media not in PICTURES:
        part.drop_all(f"Pictures there are {', '.join(PICTURES)}.", "image_url")
        return None
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


def _file(part: Fields) -> Block | None:
    file = part.inner("file")
    file.drop("file_id", "Files that lie at another provider cannot be read there: send file_data.")
    data, name = file.text("file_data"), file.text("filename")
    if data is None:
        return None
    where = file.at("file_data")
    media, encoded = _of_data_url(data, where) if data.startswith("data:") else (_guessed(data), data)
    if media == _PDF:
        source = {"type": "base64", "media_type": _PDF, "data": encoded}
    elif media.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": _decoded(encoded, where)}
    else:
        part.drop_all("Files there are PDF or plain text.", "file")
        return None
    return {"type": "document", "source": source} | ({"title": name} if name else {})


_MEDIA = {"image_url": _picture, "file": _file}


def _of_data_url(url: str, where: str) -> tuple[str, str]:
    """The media type, and the data in base64."""
    head, comma, data = url.partition(",")
    if not comma or not head.endswith(";base64"):
        raise BadRequest(f"{where} must be a URL of the form data:<media type>;base64,<data>", where)
    return head[len("data:") :].partition(";")[0].lower(), data


def _guessed(data: str) -> str:
    return _PDF if data.startswith(_PDF_BASE64) else ""


def _decoded(data: str, where: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except ValueError:
        raise BadRequest(f"{where} must be text in UTF-8, in base64", where) from None
