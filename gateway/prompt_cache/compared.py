"""Two bodies of one conversation: where the second departs from the first, to the byte."""

from __future__ import annotations

from typing import NamedTuple

from gateway.prompt_cache.blocks import prompt_of
from gateway.prompt_cache.prompts import place_in

SHOWN = 30
"""Bytes around the place, for a person who has both bodies anyway."""


class Break(NamedTuple):
    """Where the cache ends."""

    kept: int  # Bytes of the first prompt, as its provider puts it in a row, that the second begins with.
    lost: int  # Those behind.
    place: str = ""  # A path in the second body; empty where it goes on from the first.
    offset: int = 0  # Bytes into that value.
    before: str = ""  # What stood there.
    after: str = ""


def compared(dialect: str, one: bytes, other: bytes) -> Break | None:
    """The first difference. None where one of them holds no prompt of this dialect."""
    first, second = prompt_of(dialect, one), prompt_of(dialect, other)
    if not first.text or not second.text:
        return None
    grown = len(first.text.rstrip(b"]}"))  # What closes a prompt is no part of what the provider reads.
    same = _same(first.text, second.text)
    if same >= grown:
        return Break(grown, 0)
    place, offset = place_in(second, min(same, len(second.text) - 1))
    return Break(same, grown - same, place, offset, _around(first.text, same), _around(second.text, same))


def _same(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:  # Halves that are equal are passed over at the speed of memory.
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _around(text: bytes, at: int) -> str:
    return text[max(0, at - SHOWN) : at + SHOWN].decode(errors="replace")
