"""Items of OpenAI's Responses API as Anthropic's system prompt and messages."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.edge import Losses
from gateway.translate.instructions import in_turn
from gateway.translate.responses_items import Audio, Called, File, Image, Item, Part, Returned, Said, Text, Thought
from gateway.translate.sealed import unseal

DIALECT = "anthropic-messages"

_DATA_URL = re.compile(r"data:([\w.+/-]+)(?:;[\w=.-]+)*;base64,", re.ASCII)
_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")
_THOUGHTS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
"""Blocks of thinking, and what they consist of."""

_CACHEABLE = frozenset({"text", "image", "document", "tool_use", "tool_result"})

Block = dict[str, Any]


class Conversation(NamedTuple):
    """What `system` and `messages` are to be."""

    system: list[Block]
    messages: list[dict[str, Any]]
    called: list[str]  # The tools that were called, by name.

    def keep(self) -> None:
        """Mark where the prompt may be kept in the cache: behind the system prompt, and behind all of it. OpenAI does
        so unasked; here it must be said (https://platform.claude.com/docs/en/build-with-claude/prompt-caching)."""
        for blocks in (self.system, self.messages[-1]["content"]):
            if blocks and blocks[-1]["type"] in _CACHEABLE:
                blocks[-1]["cache_control"] = {"type": "ephemeral"}

    @property
    def unthinking(self) -> bool:
        """Whether tools that were called without any thought have just returned. With a budget for thinking, the
        provider wants to see the thought."""
        turns = self.messages[-2:]
        if [turn["role"] for turn in turns] != ["assistant", "user"]:
            return False
        kinds = [block["type"] for block in turns[0]["content"]]
        return "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")


def converse(items: list[Item], losses: Losses) -> Conversation:
    """The conversation. Raises BadRequest."""
    reader = _Reader(losses)
    for item in items:
        reader.add(item)
    if not reader.messages and reader.system:  # Somebody must have said something there.
        reader.messages, reader.system = [{"role": "user", "content": reader.system}], []
    if not reader.messages:
        raise BadRequest("input must hold something that was said", "input")
    for message in reader.messages:  # Results come first in their message.
        message["content"].sort(key=lambda block: block["type"] != "tool_result" and message["role"] == "user")
    return Conversation(reader.system, reader.messages, list(dict.fromkeys(reader.called.values())))


class _Reader:
    def __init__(self, losses: Losses) -> None:
        self.system: list[Block] = []
        self.messages: list[dict[str, Any]] = []
        self._losses = losses
        self.called: dict[str, str] = {}  # Names of tools, by the ids of calls.

    def add(self, item: Item) -> None:
        """Take the next item."""
        match item:
            case Said():
                self._say(item)
            case Thought():
                block = _thought(item.sealed)
                if block is None:
                    self._losses.note(item.where)
                else:
                    self._put("assistant", [block])
            case Called():
                self.called[item.call_id] = item.name
                use = {"type": "tool_use", "id": _id(item.call_id), "name": item.name, "input": _input(item.arguments)}
                self._put("assistant", [use])
            case _:
                self._return(item)

    def _say(self, item: Said) -> None:
        blocks = _blocks(item.parts, self._losses)
        if item.role == "assistant":
            self._put("assistant", self._texts(item, blocks))
        elif item.role == "user":
            self._put("user", blocks)
        elif not self.messages:
            self.system += self._texts(item, blocks)
        else:  # Later on, only what stands in front counts as the system's. It is told whose word this is.
            self._losses.note(f"{item.where}.role")
            told = [{"type": "text", "text": in_turn(block["text"])} for block in self._texts(item, blocks)]
            self._put("user", told)

    def _return(self, item: Returned) -> None:
        if item.call_id not in self.called:
            raise BadRequest(f"{item.where}.call_id names no call in input", f"{item.where}.call_id")
        result: Block = {"type": "tool_result", "tool_use_id": _id(item.call_id)}
        blocks = _blocks(item.parts, self._losses)
        if blocks:
            result["content"] = blocks
        self._put("user", [result])

    def _texts(self, item: Said, blocks: list[Block]) -> list[Block]:
        if any(block["type"] != "text" for block in blocks):
            self._losses.drop(item.where, f"A message of the {item.role} can only be text.")
        return [block for block in blocks if block["type"] == "text"]

    def _put(self, role: str, blocks: list[Block]) -> None:
        """Roles take turns: who spoke last goes on."""
        if blocks and self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += blocks
        elif blocks:
            self.messages.append({"role": role, "content": blocks})


def _thought(sealed: str | None) -> Block | None:
    """A block of thinking as it was; None for what is none, whoever sealed it."""
    found = unseal(sealed, DIALECT) or {}
    kind = found.get("type")
    names = _THOUGHTS.get(kind) if isinstance(kind, str) else None
    if names is None or not all(isinstance(found.get(name), str) for name in names):
        return None
    return {"type": kind, **{name: found[name] for name in names}}


def _id(call_id: str) -> str:
    """Calls of other providers may have ids that Anthropic refuses."""
    return _NOT_IN_IDS.sub("_", call_id)


def _input(arguments: str) -> dict[str, Any]:
    """A model may have called a tool with what is no JSON object: it is shown what it wrote."""
    try:
        found = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"arguments": arguments}


def _blocks(parts: list[Part], losses: Losses) -> list[Block]:
    blocks = [_block(part, losses) for part in parts]
    return [block for block in blocks if block is not None]


def _block(part: Part, losses: Losses) -> Block | None:
    match part:
        case Text():
            return {"type": "text", "text": part.text} if part.text.strip() else None  # Anthropic refuses a blank one.
        case Image():
            return _image(part, losses)
        case Audio():
            losses.drop(part.where, "Models of this provider hear nothing.")
            return None
        case _:
            return _file(part, losses)


def _image(part: Image, losses: Losses) -> Block | None:
    if part.detail not in (None, "auto"):
        losses.note(f"{part.where}.detail")
    found = _DATA_URL.match(part.url)
    if found is None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    if found[1] not in _PICTURES:
        losses.drop(part.where, f"Pictures of the type {found[1]} are not taken there.")
        return None
    return {"type": "image", "source": {"type": "base64", "media_type": found[1], "data": part.url[found.end() :]}}


def _file(part: File, losses: Losses) -> Block | None:
    source = _source(part)
    if source is None:
        losses.drop(part.where, "Only a PDF is taken there, as a data URL or by its address.")
        return None
    block: Block = {"type": "document", "source": source}
    if part.name:
        block["title"] = part.name
    return block


def _source(part: File) -> dict[str, Any] | None:
    if part.data is None:
        return {"type": "url", "url": part.url}
    found = _DATA_URL.match(part.data)
    if found is None or found[1] != "application/pdf":
        return None
    return {"type": "base64", "media_type": found[1], "data": part.data[found.end() :]}
