"""Many small numbers in a JSON file: half-precision floats, in base64."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Self

from msgspec import Struct


class Packed(Struct, frozen=True):
    """Little-endian IEEE 754 binary16, times `scale`."""

    scale: float
    halves: bytes  # Base64 in JSON.

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Self:
        """These numbers, to three decimal places of the largest."""
        scale = max(map(abs, numbers), default=0.0) or 1.0
        return cls(scale, struct.pack(f"<{len(numbers)}e", *[number / scale for number in numbers]))

    def floats(self) -> tuple[float, ...]:
        """All of them, in their order."""
        return tuple([self.scale * half for half in struct.unpack(f"<{len(self.halves) // 2}e", self.halves)])
