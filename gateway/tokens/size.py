"""What a body tells about its tokens at a glance: kinds of bytes, counted in C, from a sample where it is long."""

from __future__ import annotations

import string

from msgspec import Struct

from gateway.core.request import Facts

SAMPLE_BYTES = 2048
"""How much of a body is looked at. A longer one is looked at in `SLICES` places, evenly apart."""

SLICES = 8

_LOWER = string.ascii_lowercase.encode()
_UPPER_AND_SPACE = string.ascii_uppercase.encode() + b" "
_DIGITS = string.digits.encode()
_HIGH = bytes(range(0x80, 0x100))
_OPAQUE = frozenset({"vision", "audio", "files"})


class Text(Struct, frozen=True, gc=False):
    """Bytes of a JSON body by kind: what an estimate of its tokens is a weighted sum of."""

    lower: float
    spaces: float
    indents: float  # Spaces beside others, which share a token.
    upper: float
    digits: float
    high: float  # Beyond ASCII.
    signs: float  # Punctuation, JSON's own included.
    escapes: float  # Backslashes: most stand before a line break, a quote or a code point.


class Size(Struct, frozen=True, gc=False):
    """How big a request is, as far as a glance can tell."""

    body: int  # Bytes.
    turns: int = 1
    kind: str = "text"  # "tools" and "json" bring hidden instructions, so they are learned apart.
    text: Text | None = None  # None: its bytes say nothing of its tokens (pictures, sound, files).


def measure(body: bytes, facts: Facts) -> Size:
    """The size of a request. Takes the same time for every body longer than the sample."""
    needs = facts.needs
    kind = "tools" if "tools" in needs else "json" if "json" in needs else "text"
    opaque = facts.images or facts.files or facts.unseen or facts.free or (needs and needs & _OPAQUE)
    return Size(len(body), facts.turns, kind, None if opaque else _text(body))


def _text(body: bytes) -> Text:
    if len(body) <= SAMPLE_BYTES:
        return kinds(body, 1.0)
    each = SAMPLE_BYTES // SLICES
    step = (len(body) - each) // (SLICES - 1)
    sample = b"".join([body[start : start + each] for start in range(0, SLICES * step, step)])
    return kinds(sample, len(body) / len(sample))


def kinds(sample: bytes, scale: float) -> Text:
    """Bytes by kind, each count times `scale`. Every pass leaves less for the next."""
    rest = sample.translate(None, _LOWER)
    indents = 2 * sample.count(b"  ")
    spaces = rest.count(b" ") - indents
    plain = rest.translate(None, _UPPER_AND_SPACE)
    no_digits = plain.translate(None, _DIGITS)
    ascii_only = no_digits.translate(None, _HIGH)
    escapes = ascii_only.count(b"\\")
    return Text(
        (len(sample) - len(rest)) * scale,
        spaces * scale,
        indents * scale,
        (len(rest) - len(plain) - spaces - indents) * scale,
        (len(plain) - len(no_digits)) * scale,
        (len(no_digits) - len(ascii_only)) * scale,
        (len(ascii_only) - escapes) * scale,
        escapes * scale,
    )
