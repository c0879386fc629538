"""How long a recording can be, which only its decoder knows, and callers do not tell truly: what a header says of it
is not read.

A codec of a constant bit rate says it by its bytes. Others write next to nothing of silence: an hour of it, at 8 kHz,
is 84 kB of FLAC and 270 kB of Ogg Vorbis. So their frames and pages are counted, too, wherever in the body they stand.
Not proven: a sample rate below 8 kHz, silence in other containers (MP4, Matroska), FLAC that hides its mark, and a page
of Ogg that nobody's encoder writes.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from gateway.core.usage import Extras

BYTES_PER_SECOND_MIN = 750
"""Opus at 6 kbit/s, the lowest bit rate in use (RFC 6716, section 2.1.1)."""

FLAC_FRAME_MS_MAX = 8192
"""65,535 samples (RFC 9639, section 9.1.6) at 8 kHz. Most encoders write 4,096."""

OGG_PAGE_MS_MAX = 8000
"""As libvorbis writes silence at 8 kHz: 255 packets of 30 ms. Opus has a second in a page."""

ELSEWHERE_MS_MAX = 3 * 3600 * 1000
"""Of sound that a chat refers to: more than fits into a window of 128,000 tokens at Voxtral's 12.5 a second."""

TOKENS_PER_SECOND_MAX = 32
"""Of sound, as Gemini hears it. Voxtral hears 12.5, OpenAI's models 10."""


def longest_ms(body: bytes, recorded: int) -> int:
    """Milliseconds at most, begun ones included, of what a body has that many recorded bytes of."""
    frames = body.count(b"\xff\xf8") + body.count(b"\xff\xf9") if b"fLaC" in body else 0
    pages = body.count(b"OggS")
    return max(recorded * 1000 // BYTES_PER_SECOND_MIN, frames * FLAC_FRAME_MS_MAX, pages * OGG_PAGE_MS_MAX) + 1


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
    """`input_audio` of a chat."""

    data: str | None = None


_written = msgspec.json.Decoder(str | _Clip)
_ALPHABET = bytes.maketrans(b"-_", b"+/")
_BREAKS = b" \t\r\n"


def heard(recordings: Iterable[msgspec.Raw]) -> Heard:
    """How much recordings can be, each the JSON of its base64 or of an object with that as `data`."""
    ms, elsewhere, more = 0, False, 0
    for recording in recordings:
        found = _decoded(recording)
        if found is None:
            elsewhere = True
            continue
        seconds = -(-longest_ms(found, len(found)) // 1000)
        ms += seconds * 1000
        more += max(0, seconds * TOKENS_PER_SECOND_MAX - len(memoryview(recording)))
    return Heard(ms + ELSEWHERE_MS_MAX if elsewhere else ms, elsewhere, more)


def _decoded(recording: msgspec.Raw) -> bytes | None:
    """What stands there in base64 of either alphabet, padded or not, with or without the head of a data URL; None where
    none does."""
    try:
        given = _written.decode(recording)
        written = (given.data if isinstance(given, _Clip) else given) or ""
        data = written.partition(";base64,")[2] if written.startswith("data:") else written
        letters = data.encode().translate(_ALPHABET, _BREAKS)
        return a2b_base64(letters + b"=" * (-len(letters) % 4), strict_mode=True) or None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
