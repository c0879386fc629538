"""How large a picture is, by its first bytes, and how many tokens that is: the rules that providers publish.

Nothing is decoded but base64, and of that no more than the head. What cannot be told counts as the largest.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from dataclasses import dataclass
from typing import Protocol

HEAD_CHARS = 64
"""Of base64: where PNG and WebP say their size."""

JPEG_CHARS = 400_000
"""Where a JPEG does, behind what cameras write of themselves."""

_URL_SAFE = str.maketrans("-_", "+/")
"""The letters in which google-genai writes base64, as others write it."""

_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def dimensions(base64: str) -> tuple[int, int] | None:
    """Width and height in pixels; None for what is no PNG, JPEG or WebP. A GIF says the size of a screen at its head,
    and its pictures, anywhere behind that, may be larger."""
    head = _decoded(base64[:HEAD_CHARS])
    if head.startswith(b"\xff\xd8"):
        found = _jpeg(_decoded(base64[:JPEG_CHARS]))
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        found = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        found = _webp(head[12:])
    else:
        found = None
    return found if found and min(found) > 0 else None


def _decoded(base64: str) -> bytes:
    whole = base64[: len(base64) // 4 * 4]
    if "-" in whole or "_" in whole:  # A look costs less than to write it anew.
        whole = whole.translate(_URL_SAFE)
    try:
        return b64decode(whole)
    except (Error, ValueError):
        return b""


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _webp(chunk: bytes) -> tuple[int, int] | None:
    kind = chunk[:4]
    if kind == b"VP8X":
        return 1 + _little(chunk[12:15]), 1 + _little(chunk[15:18])
    if kind == b"VP8 ":
        return _little(chunk[14:16]) & 0x3FFF, _little(chunk[16:18]) & 0x3FFF
    if kind == b"VP8L":
        bits = _little(chunk[9:13])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Walks from segment to segment to the one that begins a frame."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        if marker == 0xFF:
            at += 1
        elif marker in _BARE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


class Rule(Protocol):
    """How one family bills pictures."""

    @property
    def most(self) -> int:
        """Tokens of the largest picture."""
        ...

    def of(self, width: int, height: int, *, low: bool) -> int:
        """Tokens of one of this size; `low`: the caller asked for little detail."""
        ...


@dataclass(frozen=True, slots=True)
class Flat:
    """The same for every picture, or nothing better is known."""

    most: int

    def of(self, width: int, height: int, *, low: bool) -> int:
        """See `Rule`."""
        del width, height, low
        return self.most


@dataclass(frozen=True, slots=True)
class Tiles:
    """OpenAI: fitted into 2048 × 2048, then its short side to 768, and cut into squares of 512."""

    base: int
    each: int

    @property
    def most(self) -> int:
        """Four by two."""
        return self.base + self.each * 8

    def of(self, width: int, height: int, *, low: bool) -> int:
        """See `Rule`."""
        if low:
            return self.base
        wide, high = _fitted(width, height, 2048, 2048)
        wide, high = _fitted(wide, high, 2048, 768) if wide > high else _fitted(wide, high, 768, 2048)
        return min(self.most, self.base + self.each * _squares(wide, high, 512))


@dataclass(frozen=True, slots=True)
class Patches:
    """OpenAI, small and newer models: squares of 32, up to `patches` of them, `percent` tokens a hundred."""

    patches: int
    percent: int

    @property
    def most(self) -> int:
        """All patches."""
        return self.patches * self.percent // 100

    def of(self, width: int, height: int, *, low: bool) -> int:
        """See `Rule`. Little detail is not the same at all these models, so it counts as the size says."""
        del low
        return min(self.most, -(-_squares(width, height, 32) * self.percent // 100))


@dataclass(frozen=True, slots=True)
class Squares:
    """Anthropic: squares of 28, the long edge no longer than `edge`."""

    edge: int
    most: int

    def of(self, width: int, height: int, *, low: bool) -> int:
        """See `Rule`."""
        del low
        return min(self.most, _squares(*_fitted(width, height, self.edge, self.edge), 28))


@dataclass(frozen=True, slots=True)
class Crops:
    """Gemini before 3: one tile up to 384 × 384, else crops of two thirds of the short side, 256 to 768 pixels."""

    each: int = 258
    most: int = 16 * 258

    def of(self, width: int, height: int, *, low: bool) -> int:
        """See `Rule`."""
        del low
        if max(width, height) <= 384:
            return self.each
        unit = min(768, max(256, int(min(width, height) / 1.5)))
        return min(self.most, self.each * _squares(width, height, unit))


def _fitted(width: float, height: float, wide: int, high: int) -> tuple[float, float]:
    """The size of a picture once it fits, its shape kept; it is never made larger."""
    scale = min(1.0, wide / width, high / height)
    return width * scale, height * scale


def _squares(width: float, height: float, side: int) -> int:
    """Squares that cover it. What rounding leaves over is none of its own."""
    return -int(-(width - 1e-6) // side) * -int(-(height - 1e-6) // side)
