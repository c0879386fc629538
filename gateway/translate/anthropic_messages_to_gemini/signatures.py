"""How Gemini's thought signatures travel in Anthropic's messages: as the signature of a thinking block.

Clients must send such blocks back unchanged (https://platform.claude.com/docs/en/build-with-claude/extended-thinking),
and drop fields of other blocks that they do not know. A signature is marked as Gemini's, because those that Claude
made would be refused there.
"""

from __future__ import annotations

from gateway.translate.sealed import MARK

_GEMINIS = f"{MARK}gemini."


def sealed(signature: str) -> str:
    """For a thinking block."""
    return _GEMINIS + signature


def opened(signature: str) -> str:
    """From a thinking block; empty where it is not Gemini's."""
    return signature.removeprefix(_GEMINIS) if signature.startswith(_GEMINIS) else ""
