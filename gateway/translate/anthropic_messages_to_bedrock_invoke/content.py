"""What messages point to and do not hold: Bedrock fetches nothing and keeps no files."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from gateway.translate.edge import Losses

_MAYBE_LINKED = re.compile(rb'"type"\s*:\s*"(?:url|file)"|"container_upload"')
_WHY = "Bedrock takes pictures and documents only inside the request."


def without_links(messages: bytes, losses: Losses) -> bytes:
    """The messages as they are; without the blocks whose source is a URL or an uploaded file, where that is allowed."""
    if _MAYBE_LINKED.search(messages) is None:
        return messages
    decoded = msgspec.json.decode(messages)
    before = losses.dropped
    for at, message in enumerate(decoded):
        message["content"] = _kept(message.get("content"), f"messages[{at}].content", losses)
    return messages if losses.dropped == before else msgspec.json.encode(decoded)


def _kept(content: Any, path: str, losses: Losses) -> Any:
    """The blocks that stay. Results of tools may hold blocks, too."""
    if not isinstance(content, list):
        return content
    kept = []
    for at, block in enumerate(content):
        here = f"{path}[{at}]"
        if _linked(block):
            losses.drop(here, _WHY)
            continue
        if block.get("type") == "tool_result":
            block["content"] = _kept(block.get("content"), f"{here}.content", losses)
        kept.append(block)
    return kept


def _linked(block: dict[str, Any]) -> bool:
    source = block.get("source")
    far = isinstance(source, dict) and source.get("type") in ("url", "file")
    return far or block.get("type") == "container_upload"
