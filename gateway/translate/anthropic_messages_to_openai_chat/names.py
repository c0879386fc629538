"""Names of tools, which chats take up to 64 characters of and Anthropic up to 128, there and back.

Claude Code puts the name of a server before that of a tool, and passes the 64 easily.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from gateway.core.request import Asked

LONGEST = 64
"""Characters: `FunctionDefinition.name` of openai-python."""

_DIGEST = 8


class _Named(msgspec.Struct):
    name: Any = None


class _Tools(msgspec.Struct):
    tools: list[_Named] | None = None


_tools = msgspec.json.Decoder(_Tools)


def short(name: str) -> str:
    """The name itself, or its beginning and a digest of all of it: the same in every turn."""
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - _DIGEST - 1]}_{sha256(name.encode()).hexdigest()[:_DIGEST]}"


def shortened(asked: Asked) -> dict[str, str]:
    """The caller's own names of tools, by what they were shortened to."""
    names = [tool.name for tool in _tools.decode(asked.body).tools or ()]
    return {short(name): name for name in names if isinstance(name, str) and len(name) > LONGEST}
