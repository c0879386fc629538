"""Blocks of Anthropic's messages: those inside others too, and which the bytes bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.dialects.openai_usage import UNREADABLE
from gateway.dialects.validate import decode

BOUNDED = ("_use", "_result")
"""How the types of blocks end that the bytes of their JSON bound, but for what is shown in them."""

PLAIN = frozenset(
    {"", "text", "thinking", "redacted_thinking", "tool_reference", "browser_state", "compaction", "fallback", "image"}
)
"""Others of which that is true, and images, which are counted apart. Any other block is held for as a file."""

_DEPTH = 3
"""Of what is shown in a result: a page that was fetched, its document, and a picture of that."""


class Block(msgspec.Struct):
    """A block as far as money depends on it."""

    type: str = ""
    text: str | None = None
    content: msgspec.Raw = msgspec.Raw()  # Of a tool's result: text, or blocks.
    source: msgspec.Raw = msgspec.Raw()  # Of a document or an image.


class _Source(msgspec.Struct):
    type: Any = None
    content: msgspec.Raw = msgspec.Raw()


_inner = msgspec.json.Decoder(str | list[Block] | None)
_held = msgspec.json.Decoder(Block | list[Block])
_sources = msgspec.json.Decoder(_Source)


def all_blocks(given: Iterable[str | list[Block] | None]) -> list[Block]:
    """Every block of these contents, those in results of tools and in documents too. Raises BadRequest."""
    found = [block for content in given if isinstance(content, list) for block in content]
    results = [block.content for block in found if block.type == "tool_result" and block.content]
    contents = [decode(_inner, bytes(result)) for result in results]
    inside = [block for content in contents if isinstance(content, list) for block in content]
    if any(block.type == "tool_result" for block in inside):  # Each would be read once for every one around it.
        raise BadRequest("A tool_result must not hold another one", "messages")
    around = found = found + inside
    for _ in range(_DEPTH):
        around = [block for outer in around for block in _shown(outer)]
        found = found + around
    return found


def is_file(block: Block) -> bool:
    """Whether no number of bytes bounds what the block becomes: pages are read as text and as pictures."""
    if block.type == "document" and block.source:
        return bool(decode(_sources, bytes(block.source)).type != "text")
    return block.type not in PLAIN and not block.type.endswith(BOUNDED)


def _shown(block: Block) -> list[Block]:
    """The pictures and documents in a document, or in a result of a tool of Anthropic's, and the results in that."""
    try:
        if block.type == "document":
            inside = _held.decode(_sources.decode(block.source).content)
        elif block.type.endswith("_result") and block.type != "tool_result":
            inside = _held.decode(block.content)
        else:
            return []
    except UNREADABLE:
        return []
    blocks = inside if isinstance(inside, list) else [inside]
    return [block for block in blocks if block.type in ("image", "document") or block.type.endswith("_result")]
