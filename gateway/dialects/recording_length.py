"""How long a recording can be, which only its decoder knows, and callers do not tell truly: what a header says of its
length is not read.

What decoders cannot do without is: how many samples a second of WAV has, and how many a frame of MP3 or FLAC. Of other
codecs nothing is known but the lowest bit rate, and that pages of Ogg are never longer than some seconds: an hour of
silence is 270 kB of Vorbis (84 kB of FLAC).
Not proven: a sample rate below 8 kHz, silence in AAC and in other containers (MP4, Matroska), FLAC that hides its
mark, a page of Ogg that nobody's encoder writes, and what is made to look like MP3 to us and like another codec to its
reader.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from gateway.dialects.splice import Span

BYTES_PER_SECOND_MIN = 750
"""Opus at 6 kbit/s, the lowest bit rate in use (RFC 6716, section 2.1.1)."""

FLAC_FRAME_MS_MAX = 8192
"""65,535 samples (RFC 9639, section 9.1.6) at 8 kHz. Most encoders write 4,096."""

OGG_PAGE_MS_MAX = 8000
"""As libvorbis writes silence at 8 kHz: 255 packets of 30 ms. Opus has a second in a page."""

_US = 1_000_000


def seconds_max(body: bytes, span: Span) -> int:
    """Seconds at most, begun ones included, of the recording that lies there: so they are charged where they are
    charged by their length."""
    start, end = span
    return (_pcm_us(body, start, end) or _coded_us(body, start, end)) // _US + 1


_SAMPLES_AS_THEY_ARE = frozenset({1, 3, 6, 7})
"""PCM, floating point, A-law and mu-law, as WAVE numbers them; 0xFFFE has the number elsewhere."""


def _pcm_us(body: bytes, start: int, end: int) -> int:
    """Of WAV whose samples stand as they are: none is longer than its bytes. 0 of anything else."""
    head = body.find(b"fmt ", start, max(start, end - 36))
    if not body.startswith(b"RIFF", start) or body[start + 8 : start + 12] != b"WAVE" or head < 0:
        return 0
    if body.find(b"fmt ", head + 1, end) >= 0:
        return 0  # Which of them counts, readers do not agree on.
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body, head + 8)
    if tag == 0xFFFE:
        tag = int.from_bytes(body[head + 32 : head + 34], "little")
    if tag not in _SAMPLES_AS_THEY_ARE or not bits or bits % 8:
        return 0
    bytes_per_second = rate * channels * bits // 8
    return (end - head) * _US // bytes_per_second if bytes_per_second else 0


def _coded_us(body: bytes, start: int, end: int) -> int:
    """Of a recording whose bytes say little: the longest that any reader of it can find."""
    audio = _after_tag(body, start, end)
    by_bytes = 0 if body.startswith(b"fLaC", audio) else _mp3_us(body, audio, end)
    flac = _flac_us(body, start, end) if body.find(b"fLaC", start, end) >= 0 else 0
    return max(by_bytes, flac, body.count(b"OggS", start, end) * OGG_PAGE_MS_MAX * 1000)


def _after_tag(body: bytes, start: int, end: int) -> int:
    """Where the sound begins: behind an ID3v2 tag, which may hold pictures."""
    if not body.startswith(b"ID3", start) or end - start < 10 or max(body[start + 6 : start + 10]) > 0x7F:
        return start
    high, upper, lower, low = body[start + 6 : start + 10]
    footer = 10 if body[start + 5] & 0x10 else 0
    return min(start + 10 + (high << 21 | upper << 14 | lower << 7 | low) + footer, end)


class _Frame(NamedTuple):
    """Of MP3."""

    size: int
    us: int


_LADDER = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LADDER_OF_LOW_RATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_VERSIONS = (
    (0xFA, 1152, (44100, 48000, 32000), _LADDER),
    (0xF2, 576, (22050, 24000, 16000), _LADDER_OF_LOW_RATES),
    (0xE2, 576, (11025, 12000, 8000), _LADDER_OF_LOW_RATES),
)
"""Second byte of a frame, its samples, and what its third byte numbers: samples a second and kbit/s (ISO 11172-3 and
13818-3, section 2.4.2.3)."""
_FRAMES_MAX = 300_000  # Two hours. Those that come after are as long as their bytes can be.


def _mp3_frames() -> Iterator[tuple[bytes, _Frame]]:
    """Each by the three bytes that it begins with."""
    for second, samples, rates, ladder in _MP3_VERSIONS:
        numbered = product(enumerate(ladder, start=1), enumerate(rates), (0, 1), (0, 1), (0, 1))
        for (bit_rate, kilobits), (sampling, rate), padding, private, unchecked in numbered:
            third = bit_rate << 4 | sampling << 2 | padding << 1 | private
            frame = _Frame(samples * kilobits * 125 // rate + padding, -(-samples * _US // rate))
            yield bytes((0xFF, second | unchecked, third)), frame


_FRAMES = dict(_mp3_frames())


def _mp3_us(body: bytes, at: int, end: int) -> int:
    """Of MP3, as far as frame follows frame. What comes then, all of it in anything else, is as long as its bytes can
    be."""
    us = 0
    for _ in range(_FRAMES_MAX):
        frame = _FRAMES.get(body[at : at + 3])
        if frame is None or at >= end:
            break
        at, us = at + frame.size, us + frame.us
    return us + max(0, end - at) * _US // BYTES_PER_SECOND_MIN


_FLAC_FRAME = re.compile(
    rb"""\xff(?=[\xf8\xf9]
    ([\x10-\xff])                                                # How many samples, and how many a second.
    [\x00-\xaf]                                                  # Channels and bits of each.
    (?:[\x00-\x7f]|[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}
    |[\xf8-\xfb][\x80-\xbf]{4}|[\xfc\xfd][\x80-\xbf]{5}|\xfe[\x80-\xbf]{6})  # Which frame or sample it is.
    (..))""",
    re.DOTALL | re.VERBOSE,
)
"""RFC 9639, section 9.1, but for its checksum."""
_FLAC_RATES = dict(enumerate((88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000), start=1))
_LOWEST_RATE = 8000  # Where it stands elsewhere.
_FLAC_FRAME_BYTES = 256  # On the average. Of silence there are fewer, and so too many frames to look at each.


def _flac_us(body: bytes, start: int, end: int) -> int:
    """Of its frames, wherever they stand, also of what only looks like one."""
    frames = body.count(b"\xff\xf8", start, end) + body.count(b"\xff\xf9", start, end)
    if frames > (end - start) // _FLAC_FRAME_BYTES:
        return frames * FLAC_FRAME_MS_MAX * 1000
    return sum(_flac_frame_us(*frame.groups()) for frame in _FLAC_FRAME.finditer(body, start, end))


def _flac_frame_us(numbered: bytes, after: bytes) -> int:
    size, sampling = divmod(numbered[0], 16)
    if size == 1:
        samples = 192
    elif size < 6:
        samples = 144 << size
    elif size < 8:
        samples = after[0] + 1 if size == 6 else int.from_bytes(after, "big") + 1
    else:
        samples = 1 << size
    return -(-samples * _US // _FLAC_RATES.get(sampling, _LOWEST_RATE))
