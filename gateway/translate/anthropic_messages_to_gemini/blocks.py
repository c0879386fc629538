"""Blocks of Anthropic's messages as parts: text, pictures, documents."""

from __future__ import annotations

from typing import Any

from gateway.translate.fields import Fields
from gateway.translate.gemini import parts
from gateway.translate.messages_asked import found_tool

Json = dict[str, Any]

_PDF = "application/pdf"


def shown(block: Fields, kind: str) -> list[Json]:
    """A block that a user, a model or a tool may say; nothing where it was left out."""
    block.note("cache_control")
    if kind == "text":
        block.note("citations")
        return [{"text": block.needed("text")}]
    if kind == "image":
        block.note("transformations")
        source = block.inner("source")
        return _located(source, source.needed("type"))
    if kind == "document":
        return _document(block)
    if kind == "tool_reference":
        return [{"text": found_tool(block, block.needed("tool_name"))}]
    block.drop_all(f"There is no {kind} there.", "type")
    return []


def _document(block: Fields) -> list[Json]:
    """What is said about a document stands before it."""
    if cited := block.object("citations"):
        cited.drop("enabled", "It cites nothing.", unless=(False,))
    about = [{"text": text} for text in (block.text("title"), block.text("context")) if text]
    source = block.inner("source")
    kind = source.needed("type")
    if kind == "text":
        source.any("media_type")  # Plain text, always.
        return [*about, {"text": source.needed("data")}]
    if kind == "content":
        return about + [part for inner in source.content("content") for part in shown(inner, inner.needed("type"))]
    return about + _located(source, kind, _PDF)


def _located(source: Fields, kind: str, mime: str = "") -> list[Json]:
    """In the body or behind a URL. `mime`: what else the path has to tell."""
    if kind == "base64":
        return [parts.inline(source.needed("media_type"), source.needed("data"))]
    if kind == "url":
        found = parts.of_url(source, "url", mime)
        return [] if found is None else [found]
    source.drop_all("Files that lie at another provider cannot be read there.", "type")
    return []
