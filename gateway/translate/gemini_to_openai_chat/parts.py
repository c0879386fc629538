"""Parts of Gemini's contents as parts of a chat's: text, pictures, sound, documents.

https://ai.google.dev/api/caching#Part
"""

from __future__ import annotations

import base64
from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields

Part = dict[str, Any]

_SOUNDS = dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave"), "wav") | dict.fromkeys(
    ("audio/mp3", "audio/mpeg"), "mp3"
)
_NOT_THERE = (
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
    "videoMetadata",
    "audioTranscription",
    "mediaProcessing",
    "speechMetadata",
    "documentMetadata",
    "spreadsheetMetadata",
    "audioMetadata",
)
_HINTS = ("mediaResolution", "partMetadata")
_GOOGLES_FILES = "https://generativelanguage.googleapis.com/"
URL_SAFE = str.maketrans("-_", "+/")
"""Google's own client writes base64 in the letters of URLs, which hardly anybody else reads."""


def spoken(part: Fields) -> list[Part]:
    """What a user, a function or an instruction says; nothing where it was left out."""
    for name in _HINTS:
        part.note_once(name, f"contents.parts.{name}")
    for name in _NOT_THERE:
        part.drop(name, "A chat has no such part.")
    made = text_part(part.text("text") or "")
    if (blob := part.object("inlineData")) is not None:
        made += _inline(blob)
    if (file := part.object("fileData")) is not None:
        made += _elsewhere(file)
    return made


def text_part(text: str) -> list[Part]:
    """Text, if there is any."""
    return [{"type": "text", "text": text}] if text else []


def _mime(of: Fields) -> str:
    return (of.text("mimeType") or "").partition(";")[0].strip().lower()


def _inline(blob: Fields) -> list[Part]:
    mime, data = _mime(blob), blob.needed("data").translate(URL_SAFE)
    name = blob.text("displayName")
    if mime.startswith("image/"):
        return [{"type": "image_url", "image_url": {"url": f"data:{mime};base64,{data}"}}]
    if mime in _SOUNDS:
        return [{"type": "input_audio", "input_audio": {"data": data, "format": _SOUNDS[mime]}}]
    if mime == "application/pdf":
        file = {"filename": name or "document.pdf", "file_data": f"data:{mime};base64,{data}"}
        return [{"type": "file", "file": file}]
    if mime.startswith("text/"):
        return text_part(_text(blob, data))
    blob.drop_all("A chat takes pictures, WAV, MP3, PDF and text.")
    return []


def _text(blob: Fields, data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        raise BadRequest(f"{blob.at('data')} must be base64 of text in UTF-8", blob.at("data")) from None


def _elsewhere(file: Fields) -> list[Part]:
    """Pictures on the open web: nothing else is fetched there, and files that lie at Google least of all."""
    mime, url = _mime(file), file.needed("fileUri")
    file.any("displayName")
    if mime.startswith("image/") and url.lower().startswith("https://") and not url.startswith(_GOOGLES_FILES):
        return [{"type": "image_url", "image_url": {"url": url}}]
    file.drop_all("A chat fetches pictures over https alone, and nothing that lies at Google.")
    return []
