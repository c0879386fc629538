"""Pictures that a model makes, and what is told where the caller's dialect has no place for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_DATA_URL = re.compile(r"data:([^;,]+)(?:;[^;,]+)*;base64,", re.IGNORECASE)


class Picture(NamedTuple):
    """One that lies in the answer, or behind a URL."""

    mime: str = ""
    data: str = ""  # Base64.
    url: str = ""


def of_chat(message: dict[str, Any]) -> list[Picture]:
    """Those of a chat's message, or of a part of one: beside its text, as OpenRouter has them
    (https://openrouter.ai/docs/features/multimodal/image-generation), or among the parts of its content."""
    return [_picture(url) for name in ("images", "content") for url in _urls(message.get(name))]


def told(message: dict[str, Any]) -> str:
    """What is told instead of them; empty where there are none."""
    return "".join(instead(picture) for picture in of_chat(message))


def instead(picture: Picture) -> str:
    """What is told instead of one."""
    return f"[Here the model made a picture: {picture.url}]" if picture.url else unplaced(picture.mime)


def unplaced(mime: str) -> str:
    """What is told instead of anything of this type."""
    return f"[Here the model made {mime}, which this API has no place for.]"


def _urls(parts: Any) -> Iterator[str]:
    for part in parts if isinstance(parts, list) else ():
        shown = part.get("image_url") if isinstance(part, dict) else None
        url = shown.get("url") if isinstance(shown, dict) else shown
        if isinstance(url, str) and url:
            yield url


def _picture(url: str) -> Picture:
    found = _DATA_URL.match(url)
    return Picture(found[1].lower(), url[found.end() :]) if found else Picture(url=url)
