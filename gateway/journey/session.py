"""Which conversation a call belongs to, so that it stays where its prompt is cached, and can be looked up."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

HEADERS = ("x-fareway-session", "x-claude-code-session-id", "session-id", "session_id")
"""Ours, Claude Code's and Codex's (the newer name first), before what a body says: `prompt_cache_key`, `user`,
`metadata.user_id`."""

CHARACTERS_MAX = 128
"""Of a name that is kept as it is."""


def session_of(headers: Mapping[str, str], said: str | None) -> str | None:
    """The conversation's name, if the call has one. A long one, or one that cannot be printed, becomes its hash."""
    for header in HEADERS:
        if found := headers.get(header):
            said = found
            break
    if not said or (len(said) <= CHARACTERS_MAX and said.isprintable()):
        return said or None
    return f"hash-{blake2b(said.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"
