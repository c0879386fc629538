"""Recordings in a body of JSON: how long they can be, and how many tokens that is."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.core.usage import Extras
from gateway.dialects import splice
from gateway.dialects.recording_length import seconds_max

ELSEWHERE_MS_MAX = 3 * 3600 * 1000
"""Of sound that a chat refers to: more than fits into a window of 128,000 tokens at Voxtral's 12.5 a second."""

TOKENS_PER_SECOND_MAX = 32
"""Of sound, as Gemini hears it. Voxtral hears 12.5, OpenAI's models 10."""


class Heard(NamedTuple):
    """The recordings in a body of JSON, all together."""

    ms: int  # At most, in begun seconds: so they are charged where they are charged by their length.
    elsewhere: bool  # One of them is not in the body.
    more: int  # Tokens that they can be beyond one for each byte: those of silence.

    @property
    def extras_max(self) -> Extras | None:
        """See `Facts.extras_max`."""
        return Extras(audio_ms=self.ms) if self.ms else None

    def tokens_max(self, body: bytes) -> int | None:
        """See `Facts.input_tokens_max`, of the body that they are in."""
        return len(body) + self.more if self.more else None


class _Clip(msgspec.Struct):
    """`input_audio` of a chat, or an `image_url` that is sound."""

    data: str | None = None
    url: str | None = None


_written = msgspec.json.Decoder(str | _Clip)
_ALPHABET = bytes.maketrans(b"-_", b"+/")
_BREAKS = b" \t\r\n"


def heard(recordings: Iterable[msgspec.Raw]) -> Heard:
    """How much recordings can be, each the JSON of its base64 or of an object with that as `data`. Raises
    BadRequest for one that is given twice."""
    ms, elsewhere, more = 0, False, 0
    for recording in recordings:
        found = _decoded(recording)
        if found is None:
            elsewhere = True
            continue
        seconds = seconds_max(found, (0, len(found)))
        ms += seconds * 1000
        more += max(0, seconds * TOKENS_PER_SECOND_MAX - len(memoryview(recording)))
    return Heard(ms + ELSEWHERE_MS_MAX if elsewhere else ms, elsewhere, more)


def _decoded(recording: msgspec.Raw) -> bytes | None:
    """What stands there in base64 of either alphabet, padded or not, with or without the head of a data URL; None where
    none does."""
    try:
        given = _written.decode(recording)
        if isinstance(given, _Clip):
            splice.refuse_twins(bytes(recording), _Clip.__struct_fields__)
        written = (given.data or given.url if isinstance(given, _Clip) else given) or ""
        data = written.partition(";base64,")[2] if written.startswith("data:") else written
        letters = data.encode().translate(_ALPHABET, _BREAKS)
        return a2b_base64(letters + b"=" * (-len(letters) % 4), strict_mode=True) or None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
