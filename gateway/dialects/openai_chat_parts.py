"""Parts of a message in a chat: which are bounded by what, and how long their sound can be."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.dialects import splice
from gateway.dialects.pictures import kind_of
from gateway.dialects.recordings import Heard, heard
from gateway.dialects.validate import decode

PLAIN = frozenset({"", "text", "image_url", "input_audio", "refusal"})
"""Parts whose tokens the bytes or a table bound. Any other (a file, a video) is held for as a file."""

FILM = frozenset({"video_url", "input_video"})
"""An hour of it can be a few kilobytes: only the context window bounds its tokens."""

_SHOWN = {"image": "image_url", "audio": "input_audio", "video": "video_url", "file": "file"}

NEEDS = {"image_url": "vision", "input_audio": "audio", "file": "files"}

_SILENCE = heard(())

SPOKEN_TOKENS_MAX = 16_384
"""Of an answer that was spoken: as many as any model of OpenAI's that speaks writes at once."""


_SAYS = frozenset({"", "text", "refusal"})
_NOT_GIVEN = msgspec.Raw()


class Part(msgspec.Struct):
    """A part as far as money depends on it."""

    type: str = ""
    text: str | None = None
    input_audio: msgspec.Raw = _NOT_GIVEN
    image_url: msgspec.Raw = _NOT_GIVEN
    file: msgspec.Raw = _NOT_GIVEN
    video_url: msgspec.Raw = _NOT_GIVEN
    input_video: msgspec.Raw = _NOT_GIVEN


class _Turn(msgspec.Struct):
    content: str | list[msgspec.Raw] | None = None


class _Turns(msgspec.Struct):
    """The same body for finding twins."""

    messages: list[_Turn]


_turns = msgspec.json.Decoder(_Turns)

_ONCE = ("type", "input_audio", "image_url", "file", "video_url", "input_video")
_PLAINLY = {
    name: tuple(
        head.replace(b"@", name.encode()) for head in (b'{"type":"@","@":', b'{"type": "@", "@": ', b'{"type":"@"')
    )
    for name in _ONCE[1:]
}


def refuse_twins(body: bytes, parts: Sequence[Part]) -> None:
    """Raise BadRequest where one of these parts of the body says twice what it is or shows."""
    shows = [
        p.type not in _SAYS
        or not (p.image_url is p.input_audio is p.file is p.video_url is p.input_video is _NOT_GIVEN)
        for p in parts
    ]
    if True not in shows:
        return
    contents = (turn.content for turn in decode(_turns, body).messages)
    raws = [raw for content in contents if isinstance(content, list) for raw in content]
    for raw, part, shown in zip(raws, parts, shows, strict=True):
        if shown and not _is_plainly(raw, part):
            splice.refuse_twins(bytes(raw), _ONCE)


def _is_plainly(raw: msgspec.Raw, part: Part) -> bool:
    """Whether its type and what that names fill the part, written as clients do: so no twin has room in it."""
    begins = _PLAINLY.get(part.type)
    if begins is None:
        return False
    whole, shown = memoryview(raw), memoryview(getattr(part, part.type))
    return whole[: len(whole) - len(shown) - 1] in begins


def kinds_of(parts: Sequence[Part]) -> list[str]:
    """Their types, but for pictures that say of themselves that they are none. Raises BadRequest as `kind_of` does."""
    return [_SHOWN[kind_of(part.image_url)] if part.type == "image_url" else part.type for part in parts]


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
