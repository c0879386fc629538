"""Parts of a request to Gemini: what is said, shown, called and given back.

Sources: https://ai.google.dev/api/caching#Part and, for signatures, https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from gateway.core.errors import BadRequest
from gateway.translate.fields import Fields
from gateway.translate.gemini.models import LEVELS, version

Json = dict[str, Any]

NO_SIGNATURE = "skip_thought_signature_validator"
"""Google's own word for a call whose signature is lost, or that another model made."""

NO_SIGNATURE_BYTES = base64.b64encode(NO_SIGNATURE.encode()).decode()
"""The same in an answer, where Google's clients read base64, and some of them in one of its alphabets alone."""

_DATA_URL = re.compile(r"data:([^;,]+)(?:;[^;,]+)*;base64,", re.IGNORECASE)

_MIMES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
}


def inline(mime: str, data: str) -> Json:
    """A picture, a recording or a document in the body itself. `data`: base64."""
    return {"inlineData": {"mimeType": mime, "data": data}}


def of_url(owner: Fields, name: str, mime: str = "") -> Json | None:
    """What lies behind a URL, in the body or elsewhere; None where it had to be left out.

    Google fetches public HTTPS and Cloud Storage: https://ai.google.dev/gemini-api/docs/file-input-methods.
    It has to be told the type, which only the end of a path tells us. Raises BadRequest.
    """
    url = owner.needed(name)
    if found := _DATA_URL.match(url):
        return inline(found[1].lower(), url[found.end() :])
    if url[:5].lower() == "data:":
        field = owner.at(name)
        raise BadRequest(f"{field} must be a URL of the form data:<media type>;base64,<data>", field)
    if not url.lower().startswith(("https://", "gs://")):
        owner.lose(name, "Only https and gs are fetched there.")
        return None
    path = url.partition("?")[0].partition("#")[0]
    mime = mime or _MIMES.get(path.rpartition(".")[2].lower(), "")
    if not mime:
        owner.lose(name, "The type must be told there, and this path does not end in .png or the like.")
        return None
    return {"fileData": {"mimeType": mime, "fileUri": url}}


def call(call_id: str, name: str, args: Json, signature: str = "") -> Json:
    """A function that the model called earlier in the conversation."""
    part: Json = {"functionCall": {"id": call_id, "name": name, "args": args}}
    return part | ({"thoughtSignature": signature} if signature else {})


def acceptable(said: list[Json], model: str) -> list[Json]:
    """A turn of the model's as it may be told again: newer models refuse one whose first call has no signature."""
    return said if version(model) < LEVELS else excused(said, NO_SIGNATURE)


def excused(said: list[Json], word: str) -> list[Json]:
    """The same with this word at the first call, where that has no signature."""
    first = next((place for place, part in enumerate(said) if "functionCall" in part), None)
    if first is None or "thoughtSignature" in said[first]:
        return said
    return [*said[:first], said[first] | {"thoughtSignature": word}, *said[first + 1 :]]


TEXT_ALONE = "Of what a tool gives back this model takes text, and newer ones what is in the body itself."


def fit_for_result(said: list[Json], model: str) -> bool:
    """Whether a tool can have given this back. Newer models see pictures and documents, in the body alone:
    https://ai.google.dev/gemini-api/docs/function-calling#multimodal."""
    return all("text" in part or ("inlineData" in part and version(model) >= LEVELS) for part in said)


def result(call_id: str, name: str, said: list[Json], *, failed: bool = False) -> Json:
    """What a function gave back: text, in one piece, and what is `fit_for_result`."""
    text = "\n\n".join(part["text"] for part in said if "text" in part)
    response: Json = {"id": call_id, "name": name, "response": {"error" if failed else "output": text}}
    if media := [part for part in said if "text" not in part]:
        response["parts"] = media
    return {"functionResponse": response}
