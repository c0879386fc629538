"""How long a recording can be, which only its decoder knows, and callers do not tell truly: what a header says of it
is not read.

A codec of a constant bit rate says it by its bytes. Others write next to nothing of silence: an hour of it, at 8 kHz,
is 84 kB of FLAC and 270 kB of Ogg Vorbis. So their frames and pages are counted, too, wherever in the body they stand.
Not proven: a sample rate below 8 kHz, silence in other containers (MP4, Matroska), FLAC that hides its mark, and a page
of Ogg that nobody's encoder writes.
"""

from __future__ import annotations

BYTES_PER_SECOND_MIN = 750
"""Opus at 6 kbit/s, the lowest bit rate in use (RFC 6716, section 2.1.1)."""

FLAC_FRAME_MS_MAX = 8192
"""65,535 samples (RFC 9639, section 9.1.6) at 8 kHz. Most encoders write 4,096."""

OGG_PAGE_MS_MAX = 8000
"""As libvorbis writes silence at 8 kHz: 255 packets of 30 ms. Opus has a second in a page."""


def longest_ms(body: bytes, recorded: int) -> int:
    """Milliseconds at most, begun ones included, of what a body has that many recorded bytes of."""
    frames = body.count(b"\xff\xf8") + body.count(b"\xff\xf9") if b"fLaC" in body else 0
    pages = body.count(b"OggS")
    return max(recorded * 1000 // BYTES_PER_SECOND_MIN, frames * FLAC_FRAME_MS_MAX, pages * OGG_PAGE_MS_MAX) + 1
