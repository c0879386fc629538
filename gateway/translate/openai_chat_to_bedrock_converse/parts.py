"""Pictures, recordings and documents, as Converse takes them: in the request, in base64, with their format."""

from __future__ import annotations

import re
from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.edge import Losses
from gateway.translate.openai_chat_to_bedrock_converse.asked import Document, Part, Sound, Url

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[^,;]*)*?;base64,", re.IGNORECASE)
_PICTURES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_OFFICE = "application/vnd.openxmlformats-officedocument"
_DOCUMENTS = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_NOT_IN_NAMES = re.compile(r"[^0-9A-Za-z()\[\]-]+")
NAME_MAX = 180
"""Characters of a document's name before it is numbered. Bedrock takes 200."""


class Parts:
    """The parts of one request. Documents must have names of their own, so those already given are kept."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._names: set[str] = set()

    def block(self, part: Part, path: str) -> dict[str, Any] | None:
        """The same as a block of Converse's; None for one without words, or one that may be lost."""
        if part.type in ("text", "refusal"):
            return text_block(part.text if part.type == "text" else part.refusal)
        if part.type == "image_url" and part.image_url is not None:
            return self._picture(part.image_url, f"{path}.image_url")
        if part.type == "input_audio" and part.input_audio is not None:
            return _recording(part.input_audio)
        if part.type == "file" and part.file is not None:
            return self._document(part.file, f"{path}.file")
        self._losses.drop(path, f"Converse has no part of type {part.type!r}.")
        return None

    def _picture(self, given: Url | str, path: str) -> dict[str, Any] | None:
        url, detail = (given, None) if isinstance(given, str) else (given.url, given.detail)
        if detail not in (None, "auto"):
            self._losses.note(f"{path}.detail")
        kind, data = _data(url, path)
        if kind not in _PICTURES:
            why = "pictures must be PNG, JPEG, GIF or WebP" if data else "it takes no URLs"
            self._losses.drop(path, f"Converse takes pictures only inside the request: {why}.")
            return None
        return {"image": {"format": _PICTURES[kind], "source": {"bytes": data}}}

    def _document(self, given: Document, path: str) -> dict[str, Any] | None:
        if not given.file_data:
            self._losses.drop(path, "Converse takes documents only inside the request, as file_data.")
            return None
        kind, data = _data(given.file_data, path)
        stem, _, ending = (given.filename or "").rpartition(".")
        kind = _DOCUMENTS.get(kind) or ending.lower()
        if kind not in _DOCUMENTS.values():
            taken = ", ".join(sorted(_DOCUMENTS.values()))
            self._losses.drop(path, f"Converse takes documents of these formats: {taken}.")
            return None
        name = self._name(stem or ending)
        return {"document": {"format": kind, "name": name, "source": {"bytes": data or given.file_data}}}

    def _name(self, given: str) -> str:
        """A name by Converse's rules: letters, digits, hyphens, brackets, single spaces; each but once."""
        plain = _NOT_IN_NAMES.sub(" ", given)[:NAME_MAX].strip() or "document"
        name, number = plain, 1
        while name in self._names:
            number += 1
            name = f"{plain} ({number})"
        self._names.add(name)
        return name


def text_block(text: str | None) -> dict[str, Any] | None:
    """Some text. Converse refuses a block that is blank (https://github.com/boto/botocore/issues/3525)."""
    return {"text": text} if text is not None and text.strip() else None


def _recording(given: Sound) -> dict[str, Any]:
    return {"audio": {"format": given.format, "source": {"bytes": given.data}}}


def _data(url: str, path: str) -> tuple[str, str]:
    """The media type and the base64 of a data URL; nothing for any other. Raises BadRequest for one without data."""
    found = _DATA_URL.match(url)
    if found is None:
        return "", ""
    data = url[found.end() :]
    if not data:
        raise BadRequest(f"{path} holds no data", path)
    return (found[1] or "").lower(), data
