"""The conversation: system prompts apart, roles in turns, calls of tools and their results as blocks."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.translate.edge import Losses
from gateway.translate.instructions import in_turn
from gateway.translate.openai_chat_to_bedrock_converse.asked import Cache, Call, Detail, Message, Part, Thinking
from gateway.translate.openai_chat_to_bedrock_converse.parts import Parts, text_block

Block = dict[str, Any]

CLAUDE_FORMAT = "anthropic-claude-v1"
"""Of `reasoning_details` whose signatures are Anthropic's, as OpenRouter calls it."""

_CACHING = re.compile(r"anthropic\.|amazon\.nova")
_TOOL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")
_ECHOES = ("reasoning", "annotations", "provider_specific_fields", "extra_content", "audio", "function_call")

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Conversation:
    """The messages of one request, carried one by one."""

    def __init__(self, model: str, losses: Losses) -> None:
        self.system: list[Block] = []
        self.turns: list[dict[str, Any]] = []
        self._parts = Parts(losses)
        self._losses = losses
        self._claude = "anthropic." in model
        self._caching = _CACHING.search(model) is not None

    def add(self, message: Message, path: str) -> None:
        """One more message. Raises BadRequest for a role that Converse does not know."""
        if message.role == "function":
            self._losses.drop(path, "Functions are deprecated: send tools.")
            return
        if message.name is not None and message.role == "tool":  # The call has it, too.
            self._losses.note(f"{path}.name")
        elif message.name is not None:
            self._losses.drop(f"{path}.name", "Who speaks cannot be named there.")
        if message.role in ("system", "developer") and not self.turns:
            self.system += self._instructed(message, path)
        elif message.role in ("system", "developer"):
            said = self._instructed(message, path)
            self._turn("user", [{"text": in_turn(block["text"])} if "text" in block else block for block in said])
        elif message.role == "user":
            self._turn("user", self._said(message, path))
        elif message.role == "assistant":
            self._turn("assistant", self._answered(message, path))
        elif message.role == "tool":
            self._turn("user", self._result(message, path))
        else:
            self._losses.drop(path, f"Converse has no role {message.role!r}.")

    def cache_point(self, cache: Cache | None, path: str) -> list[Block]:
        """The end of a prefix to keep, where the model can keep one. What is kept longer is kept for an hour only if
        that was asked for in so many words: it costs more."""
        if cache is None:
            return []
        if not self._caching:
            self._losses.note(path)
            return []
        return [{"cachePoint": {"type": "default"} | ({"ttl": cache.ttl} if cache.ttl in ("5m", "1h") else {})}]

    @property
    def called(self) -> list[str]:
        """The tools that were called, by name."""
        blocks = (block for turn in self.turns for block in turn["content"])
        return list(dict.fromkeys(block["toolUse"]["name"] for block in blocks if "toolUse" in block))

    @property
    def last_call_unexplained(self) -> bool:
        """Whether the last calls of tools have come back without the thoughts before them."""
        said = [turn["content"] for turn in self.turns if turn["role"] == "assistant"][-1:]
        return any("toolUse" in block for block in said[0]) and "reasoningContent" not in said[0][0] if said else False

    def _turn(self, role: str, blocks: list[Block]) -> None:
        """Roles take turns in Converse: what one says in several messages is one. Who says nothing has no turn."""
        if self.turns and self.turns[-1]["role"] == role:
            said = self.turns[-1]["content"]
            at = _past_results(said) if any("toolResult" in block for block in blocks) else len(said)
            said[at:at] = blocks
        elif blocks:
            self.turns.append({"role": role, "content": blocks})

    def _instructed(self, message: Message, path: str) -> list[Block]:
        """What a system says, which Converse takes as text alone."""
        blocks = self._said(message, path)
        kept = [block for block in blocks if "text" in block or "cachePoint" in block]
        if len(kept) < len(blocks):
            self._losses.drop(f"{path}.content", "Converse's system prompts are text alone.")
        return kept

    def _said(self, message: Message, path: str) -> list[Block]:
        """The content of a message."""
        if not isinstance(message.content, list):
            blocks = [block for block in (text_block(message.content),) if block is not None]
        else:
            blocks = [
                block for at, part in enumerate(message.content) for block in self._part(part, f"{path}.content[{at}]")
            ]
        return blocks + self.cache_point(message.cache_control, f"{path}.cache_control")

    def _part(self, part: Part, path: str) -> list[Block]:
        block = self._parts.block(part, path)
        marked = self.cache_point(part.cache_control, f"{path}.cache_control") or self.cache_point(
            part.prompt_cache_breakpoint, f"{path}.prompt_cache_breakpoint"
        )
        return ([] if block is None else [block]) + marked

    def _answered(self, message: Message, path: str) -> list[Block]:
        """An earlier answer: thoughts come first, as Claude demands, then words, then calls."""
        for name in _ECHOES:
            if getattr(message, name):
                self._losses.note(f"{path}.{name}")
        thoughts = self._thoughts(message, path)
        refusal = text_block(message.refusal)
        calls = [
            block
            for at, call in enumerate(message.tool_calls or ())
            for block in self._call(call, f"{path}.tool_calls[{at}]")
        ]
        return thoughts + self._said(message, path) + ([refusal] if refusal else []) + calls

    def _thoughts(self, message: Message, path: str) -> list[Block]:
        """Earlier reasoning. Only Claude wants its own back, with what proves it."""
        blocks: list[Block] = []
        for name, read in (("reasoning_details", _of_detail), ("thinking_blocks", _of_block)):
            given = getattr(message, name) or ()
            found = [read(one) if self._claude else None for one in given]
            blocks += [block for block in found if block is not None]
            if None in found:
                self._losses.note(f"{path}.{name}")
        if message.reasoning_content and not blocks:
            self._losses.note(f"{path}.reasoning_content")
        return blocks

    def _call(self, call: Call, path: str) -> list[Block]:
        if call.extra_content:
            self._losses.note(f"{path}.extra_content")
        if call.function is None:
            self._losses.drop(path, f"Converse has no tool of type {call.type!r}.")
            return []
        try:
            given = _objects.decode(call.function.arguments or "{}")
        except (msgspec.DecodeError, RecursionError):
            where = f"{path}.function.arguments"
            raise BadRequest(f"{where} must be a JSON object for the provider of this model", where) from None
        return [{"toolUse": {"toolUseId": _tool_id(call.id), "name": call.function.name, "input": given}}]

    def _result(self, message: Message, path: str) -> list[Block]:
        """What a tool gave, which may be nothing (https://github.com/NousResearch/hermes-agent/issues/55092)."""
        if not message.tool_call_id:
            raise BadRequest(f"{path}.tool_call_id is required", f"{path}.tool_call_id")
        blocks = self._said(message, path)
        marks = [block for block in blocks if "cachePoint" in block]
        content = [block for block in blocks if "cachePoint" not in block]
        return [{"toolResult": {"toolUseId": _tool_id(message.tool_call_id), "content": content}}, *marks]


def _past_results(said: list[Block]) -> int:
    """Results come first in their turn, whatever was said before they came."""
    return next((at for at, block in enumerate(said) if not block.keys() & {"toolResult", "cachePoint"}), len(said))


def _tool_id(given: str) -> str:
    """The id of a call, or one that Converse takes in its place: other makers' are longer or have other letters."""
    if _TOOL_ID.fullmatch(given):
        return given
    return f"call_{sha256(given.encode(errors='replace')).hexdigest()[:40]}"


def _of_detail(detail: Detail) -> Block | None:
    return _thought(detail.text, detail.signature, detail.data) if detail.format == CLAUDE_FORMAT else None


def _of_block(block: Thinking) -> Block | None:
    return _thought(block.thinking, block.signature, block.data)


def _thought(text: str | None, signature: str | None, data: str | None) -> Block | None:
    """What can come back: thoughts with a signature, or those that only the provider can read."""
    if data:
        return {"reasoningContent": {"redactedContent": data}}
    if signature:
        return {"reasoningContent": {"reasoningText": {"text": text or "", "signature": signature}}}
    return None
