"""Reasoning that must come back as it was: kept in `encrypted_content` of a reasoning item, where clients of OpenAI's
Responses API keep what they cannot read.

It is not encrypted. Whoever changes it is told so by the provider, which signs what it wants to have back.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import msgspec

MARK = "fareway-1."
"""Begins what an edge wrote where a provider's own dialect has what it signed or sealed, and by which rules: anything
else is another provider's."""

UNSIGNED = f"{MARK}unsigned"
"""Stands for the signature of thoughts that nobody signed."""


class Sealed(NamedTuple):
    """What to give back, and in which dialect it was said."""

    dialect: str
    block: dict[str, Any]


_decoder = msgspec.json.Decoder(Sealed)


def seal(dialect: str, block: dict[str, Any]) -> str:
    """As a text that a client keeps without looking into it."""
    return MARK + base64.urlsafe_b64encode(msgspec.json.encode(Sealed(dialect, block))).decode()


def unseal(text: str | None, dialect: str) -> dict[str, Any] | None:
    """What was sealed; None for what is not ours, or was said in another dialect."""
    if text is None or not text.startswith(MARK):
        return None
    try:
        found = _decoder.decode(base64.urlsafe_b64decode(text[len(MARK) :]))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return None
    return found.block if found.dialect == dialect else None
