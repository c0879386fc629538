"""Tools of a chat: whose they are to run."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.openai_usage import UNREADABLE

_CALLERS = ("function", "custom")


class _Tool(msgspec.Struct):
    type: Any = "function"


_tools = msgspec.json.Decoder(list[_Tool])


def fetches(tools: msgspec.Raw) -> bool:
    """Whether one of them is the provider's, which may put into the prompt what it likes, and charge for it."""
    if bytes(tools) in (b"", b"null"):
        return False
    try:
        return any(tool.type not in _CALLERS for tool in _tools.decode(tools))
    except UNREADABLE:
        return True
