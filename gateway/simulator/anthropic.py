"""Anthropic's `POST /v1/messages`: a whole message, the events of a stream, and the counting of tokens."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from gateway.simulator.anthropic_request import SEAL, Prompt
from gateway.simulator.blocks import Block, BlockShape
from gateway.simulator.bodies import read
from gateway.simulator.calls import PROVIDER
from gateway.simulator.errors import IN_STREAM, anthropic_error, understanding
from gateway.simulator.said import event
from gateway.simulator.seals import seal

COUNTERS = ("input_tokens", "output_tokens")
_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thought": {"thinking": "", "signature": ""},
    "call": {"input": {}},
}
"""Blocks as they begin."""


async def count_tokens(request: web.Request) -> web.Response:
    """What a prompt would be charged as. Counting costs nothing."""
    provider = request.app[PROVIDER]
    asked = read(Prompt, await request.read())
    provider.rates(asked.model)
    with understanding():
        countable = asked.countable
    return web.json_response({"input_tokens": await provider.tokens.count(countable, asked.model)})


class Shape(BlockShape):
    """See `said.Shape`."""

    def whole(self) -> dict[str, Any]:
        """The message."""
        content = [self._block(block) for block in self.blocks]
        reason = _REASONS[self.said.answer.choices[0].finish]
        return self._message(content, reason, self.said.answer.tokens)

    def opening(self) -> bytes:
        """The message as it begins, charged for its prompt and a first token, and a ping."""
        begun = self._message([], None, min(1, self.said.answer.tokens))
        return self.event({"type": "message_start", "message": begun}) + self.event({"type": "ping"})

    def opened(self, index: int, block: Block) -> bytes:
        """See `BlockShape`."""
        begun = self._block(block)
        return self.event({"type": "content_block_start", "index": index, "content_block": begun | _EMPTY[block.kind]})

    def grown(self, index: int, block: Block, step: str) -> bytes:
        """See `BlockShape`."""
        kind, name = {
            "text": ("text_delta", "text"),
            "thought": ("thinking_delta", "thinking"),
            "call": ("input_json_delta", "partial_json"),
        }[block.kind]
        return self._delta(index, {"type": kind, name: step})

    def closed(self, index: int, block: Block) -> bytes:
        """See `BlockShape`."""
        stop = self.event({"type": "content_block_stop", "index": index})
        if block.kind != "thought":
            return stop
        return self._delta(index, {"type": "signature_delta", "signature": seal(SEAL)}) + stop

    def ended(self) -> bytes:
        """See `BlockShape`."""
        end: dict[str, Any] = {
            "type": "message_delta",
            "delta": {"stop_reason": _REASONS[self.said.answer.choices[0].finish], "stop_sequence": None},
        }
        usage = self._usage(self.said.answer.tokens)
        if usage is not None:
            running = {name: value for name, value in usage.items() if name.endswith(("_tokens", "_details"))}
            end["usage"] = running
        return self.event(end) + self.event(self.last())

    def failure(self) -> bytes:
        """See `said.Shape`."""
        return self.event(anthropic_error(IN_STREAM, 500))

    def event(self, data: dict[str, Any]) -> bytes:
        """One event of a stream."""
        return event(data, data["type"])

    def last(self) -> dict[str, Any]:
        """The event that ends a stream."""
        return {"type": "message_stop"}

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self.event({"type": "content_block_delta", "index": index, "delta": delta})

    def _message(self, content: list[dict[str, Any]], reason: str | None, made: int) -> dict[str, Any]:
        message = {
            "id": self.said.id,
            "type": "message",
            "role": "assistant",
            "model": self.said.asked.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
        }
        usage = self._usage(made)
        return message if usage is None else message | {"usage": usage}

    def _block(self, block: Block) -> dict[str, Any]:
        if block.kind == "text":
            return {"type": "text", "text": block.text}
        if block.kind == "thought":
            return {"type": "thinking", "thinking": block.text, "signature": seal(SEAL)}
        call_id = f"toolu_{self.said.id.removeprefix('msg_')}{block.number}"
        return {"type": "tool_use", "id": call_id, "name": block.name, "input": arguments(block.text)}

    def _usage(self, made: int) -> dict[str, Any] | None:
        prompt = self.said.prompt
        kept = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
        kept[f"ephemeral_{'1h' if prompt.hour else '5m'}_input_tokens"] = prompt.written
        usage = {
            "input_tokens": prompt.fresh,
            "cache_creation_input_tokens": prompt.written,
            "cache_read_input_tokens": prompt.cached,
            "cache_creation": kept,
            "output_tokens": made,
            "service_tier": "standard",
        }
        if self.said.answer.hidden and made == self.said.answer.tokens:
            usage["output_tokens_details"] = {"thinking_tokens": self.said.answer.hidden}
        return self.said.usage(usage, COUNTERS)


def arguments(text: str) -> Any:
    """The arguments as they are, unless the cap has cut them."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {}
