"""What the call says that its answer goes by: how its functions are called there, and whether thoughts are shown."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from gateway.core.request import Asked
from gateway.translate.edge import Losses
from gateway.translate.gemini_to_openai_chat.spelt import Spelt

LONGEST = 64
"""Characters of a name: `FunctionDefinition.name` of openai-python. Google takes 128, with dots and colons."""

_DIGEST = 8
_FITTING = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}")
_ODD = re.compile(r"[^A-Za-z0-9_-]")


class Caller(NamedTuple):
    """See the module."""

    names: dict[str, str]  # Its own, by what they became.
    thoughts: bool


class _Body(msgspec.Struct):
    tools: Any = None
    generation_config: Any = None
    generationConfig: Any = None  # noqa: N815 - one of two spellings


_bodies = msgspec.json.Decoder(_Body)


def fitting(name: str) -> str:
    """The name of a function itself, or its beginning in letters that a chat takes and a digest of all of it: the same
    in every turn."""
    if _FITTING.fullmatch(name):
        return name
    return f"{_ODD.sub('_', name)[: LONGEST - _DIGEST - 1]}_{sha256(name.encode()).hexdigest()[:_DIGEST]}"


def caller_of(asked: Asked) -> Caller:
    """Read from a call that has been carried, and so is as it should be."""
    given = _bodies.decode(asked.body)
    body = Spelt({"tools": given.tools}, "", Losses(allowed=True))
    declared = [function for tool in body.each("tools") for function in tool.each("functionDeclarations")]
    names = [function.needed("name") for function in declared]
    config = Spelt(given.generation_config or given.generationConfig or {}, "", Losses(allowed=True))
    thinking = config.object("thinkingConfig")
    shown = thinking is not None and thinking.flag("includeThoughts") is True
    return Caller({fitting(name): name for name in names if fitting(name) != name}, shown)
