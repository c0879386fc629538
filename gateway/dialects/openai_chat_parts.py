"""Parts of a message in a chat: which are bounded by what, and how long their sound can be."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.dialects.pictures import kind_of
from gateway.dialects.recordings import Heard, heard

PLAIN = frozenset({"", "text", "image_url", "input_audio", "refusal"})
"""Parts whose tokens the bytes or a table bound. Any other (a file, a video) is held for as a file."""

FILM = frozenset({"video_url", "input_video"})
"""An hour of it can be a few kilobytes: only the context window bounds its tokens."""

_SHOWN = {"image": "image_url", "audio": "input_audio", "video": "video_url", "file": "file"}

NEEDS = {"image_url": "vision", "input_audio": "audio", "file": "files"}

_SILENCE = heard(())

SPOKEN_TOKENS_MAX = 16_384
"""Of an answer that was spoken: as many as any model of OpenAI's that speaks writes at once."""


class Part(msgspec.Struct):
    """A part as far as money depends on it."""

    type: str = ""
    text: str | None = None
    input_audio: msgspec.Raw = msgspec.Raw()
    image_url: msgspec.Raw = msgspec.Raw()

    @property
    def kind(self) -> str:
        """Its type, unless it is a picture that says of itself that it is none."""
        return _SHOWN[kind_of(self.image_url)] if self.type == "image_url" else self.type


def is_set(raw: msgspec.Raw) -> bool:
    """Whether something stands there that is not what clients write for nothing."""
    return bytes(raw) not in (b"", b"null", b"[]", b"{}", b'""', b"false")


def sound(parts: Sequence[Part], kinds: Sequence[str], spoken: int) -> Heard:
    """The recordings among parts of these kinds, and so many answers that were spoken and lie at the provider."""
    if not spoken and "input_audio" not in kinds:
        return _SILENCE
    sounding = (part for part, kind in zip(parts, kinds, strict=True) if kind == "input_audio")
    found = heard(part.image_url if part.type == "image_url" else part.input_audio for part in sounding)
    return found._replace(more=found.more + spoken * SPOKEN_TOKENS_MAX)
