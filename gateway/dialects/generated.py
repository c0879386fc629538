"""Patterns for generated text, where the arguments of a tool are objects and no strings."""

from __future__ import annotations

import re
from functools import cache

_DEPTH = 16
"""Objects in objects; what lies deeper is not counted."""


@cache  # Made when it is needed: that takes longer than to read most answers.
def generated(strings: bytes, objects: bytes) -> re.Pattern[bytes]:
    """What stands under these names, as JSON writes it, in group 1: in strings, and in objects up to where they end.
    Both may be cut short, and are then not divided up in every possible way."""
    return re.compile(
        rb'"(?:(?:' + strings + rb')"\s*:\s*"|(?:' + objects + rb')"\s*:\s*\{)'
        rb'((?<=")(?:[^"\\]++|\\.)++|(?<=\{)' + _inside(_DEPTH) + rb")",
        re.DOTALL,
    )


def ends(objects: bytes, sign: bytes) -> re.Pattern[bytes]:
    """What begins with a quote and goes on as the sign does, that in group 1. It is empty for each object under these
    names: what the model wrote there is no sign."""
    return re.compile(rb'"(?:(?:' + objects + rb')"\s*:\s*\{' + _inside(_DEPTH) + rb"|(" + sign + rb"))", re.DOTALL)


def _inside(depth: int) -> bytes:
    """A pattern for what stands in an object, which may be cut short."""
    deeper = rb"|\{" + _inside(depth - 1) + rb"(?:\}|\Z)" if depth else b""
    return rb'(?:[^"{}]++|"(?:[^"\\]++|\\.)*+(?:"|\Z)' + deeper + rb")*+"
