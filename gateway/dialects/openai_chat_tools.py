"""Tools of a chat: whose they are to run, and by which models."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.dialects import splice
from gateway.dialects.openai_usage import UNREADABLE
from gateway.dialects.validate import decode

_CALLERS = ("function", "custom")


class _Tool(msgspec.Struct):
    type: Any = "function"


class _Compound(msgspec.Struct):
    models: Any = None


_compounds = msgspec.json.Decoder(_Compound)
_tools = msgspec.json.Decoder(list[_Tool])


def refuse_compound(custom: msgspec.Raw) -> None:
    """Raise BadRequest where Groq's systems of several models are told which: nobody has priced, held for or allowed
    those."""
    given = bytes(custom)
    if not given.startswith(b"{"):
        return
    splice.refuse_twins(given, ("models",))
    models = decode(_compounds, given).models
    if any(models.values()) if isinstance(models, dict) else models:
        raise BadRequest("compound_custom.models is not taken here", "compound_custom.models")


def fetches(tools: msgspec.Raw) -> bool:
    """Whether one of them is the provider's, which may put into the prompt what it likes, and charge for it."""
    if bytes(tools) in (b"", b"null"):
        return False
    try:
        return any(tool.type not in _CALLERS for tool in _tools.decode(tools))
    except UNREADABLE:
        return True
