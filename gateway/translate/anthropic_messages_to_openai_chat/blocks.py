"""Blocks of Anthropic's messages as parts of a chat's content: text, pictures, documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.translate.anthropic_messages_to_openai_chat.names import short
from gateway.translate.fields import Fields
from gateway.translate.messages_asked import found_tool

Part = dict[str, Any]
CACHE = "cache_control"


def part(block: Fields, kind: str) -> list[Part]:
    """A block that a user, or a tool, may say; nothing where it was left out."""
    block.note_once(CACHE, CACHE)
    if kind == "text":
        block.note("citations")
        return text_part(block.needed("text"))
    if kind == "image":
        return _picture(block)
    if kind == "document":
        return _document(block)
    if kind == "tool_reference":
        return text_part(found_tool(block, short(block.needed("tool_name"))))
    block.drop_all(f"A chat has no {kind}.")
    return []


def text_part(text: str) -> list[Part]:
    """Text, if there is any."""
    return [{"type": "text", "text": text}] if text else []


def joined(parts: Iterable[Part]) -> str:
    """The text of parts that are nothing else. Blocks stay apart."""
    return "\n\n".join(each["text"] for each in parts)


def _picture(block: Fields) -> list[Part]:
    source = block.inner("source")
    kind = source.needed("type")
    block.note("transformations")
    if kind == "base64":
        url = f"data:{source.needed('media_type')};base64,{source.needed('data')}"
    elif kind == "url":
        url = source.needed("url")
    else:
        source.drop_all("Files that lie at another provider cannot be read there.")
        return []
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document(block: Fields) -> list[Part]:
    """A PDF goes as a file; a text as text, with what is said about it before it."""
    source = block.inner("source")
    kind = source.needed("type")
    title, context = block.text("title"), block.text("context")
    if cited := block.object("citations"):
        cited.drop("enabled", "A chat cites nothing.", unless=(False,))
    if kind == "base64":
        data = f"data:{source.needed('media_type')};base64,{source.needed('data')}"
        name = (title or "document").removesuffix(".pdf")
        file = {"type": "file", "file": {"filename": f"{name}.pdf", "file_data": data}}
        return [*text_part(context or ""), file]
    about = [text for text in (title, context) if text]
    if kind == "text":
        source.any("media_type")
        return text_part("\n\n".join([*about, source.needed("data")]))
    if kind == "content":
        inside = [each for inner in source.content("content") for each in part(inner, inner.needed("type"))]
        return text_part("\n\n".join(about)) + inside
    source.drop_all("A chat takes no documents that lie elsewhere.")
    return []
