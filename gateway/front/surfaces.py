"""Which path speaks which dialect, and what it says about a call beside the body."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from gateway.dialects.base import Dialect
from gateway.dialects.spoken import DIALECTS


class Surface(NamedTuple):
    """What a path means."""

    dialect: Dialect
    model: str = ""  # Where the path names it.
    verb: str = ""


_PLAIN = {
    "/v1/chat/completions": "openai-chat",
    "/v1/embeddings": "openai-embeddings",
    "/v1/responses": "openai-responses",
}
_NAMING: tuple[tuple[re.Pattern[str], str], ...] = ()
"""Paths that name a model, and maybe what to do with it: groups `model` and `verb`."""

_EXACT = {path: Surface(DIALECTS[name]) for path, name in _PLAIN.items()}


def surface_of(path: str) -> Surface | None:
    """What is spoken at this path; None for any other."""
    surface = _EXACT.get(path)
    if surface is not None:
        return surface
    for pattern, name in _NAMING:
        if found := pattern.fullmatch(path):
            groups = found.groupdict()
            return Surface(DIALECTS[name], unquote(groups["model"]), groups.get("verb") or "")
    return None
