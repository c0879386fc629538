"""Amazon Bedrock's answers: Converse's own, and Anthropic's as InvokeModel hands them on."""

from __future__ import annotations

import base64
import json
from typing import Any

from gateway.simulator import anthropic
from gateway.simulator.anthropic_request import SEAL
from gateway.simulator.aws_frames import CONTENT_TYPE, exception, frame
from gateway.simulator.blocks import Block, BlockShape
from gateway.simulator.errors import IN_STREAM
from gateway.simulator.seals import seal

COUNTERS = ("inputTokens", "outputTokens", "totalTokens")
LATENCY_MS = 1
_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}


class ConverseShape(BlockShape):
    """See `said.Shape`."""

    content_type = CONTENT_TYPE

    def whole(self) -> dict[str, Any]:
        """The answer of Converse."""
        content = [self._content(block) for block in self.blocks]
        body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": self._reason()}
        return body | self._metadata()

    def opening(self) -> bytes:
        """Who speaks."""
        return frame("messageStart", {"role": "assistant"})

    def opened(self, index: int, block: Block) -> bytes:
        """See `BlockShape`. Only tools are announced."""
        if block.kind != "call":
            return b""
        start = {"toolUse": {"toolUseId": self._call_id(block), "name": block.name}}
        return frame("contentBlockStart", {"start": start, "contentBlockIndex": index})

    def grown(self, index: int, block: Block, step: str) -> bytes:
        """See `BlockShape`."""
        if block.kind == "text":
            return _delta(index, {"text": step})
        return _delta(
            index, {"toolUse": {"input": step}} if block.kind == "call" else {"reasoningContent": {"text": step}}
        )

    def closed(self, index: int, block: Block) -> bytes:
        """See `BlockShape`."""
        stop = frame("contentBlockStop", {"contentBlockIndex": index})
        if block.kind != "thought":
            return stop
        return _delta(index, {"reasoningContent": {"signature": seal(SEAL)}}) + stop

    def ended(self) -> bytes:
        """See `BlockShape`."""
        return frame("messageStop", {"stopReason": self._reason()}) + frame("metadata", self._metadata())

    def failure(self) -> bytes:
        """See `said.Shape`."""
        return exception("internalServerException", IN_STREAM)

    def _content(self, block: Block) -> dict[str, Any]:
        if block.kind == "text":
            return {"text": block.text}
        if block.kind == "thought":
            return {"reasoningContent": {"reasoningText": {"text": block.text, "signature": seal(SEAL)}}}
        arguments = anthropic.arguments(block.text)
        return {"toolUse": {"toolUseId": self._call_id(block), "name": block.name, "input": arguments}}

    def _call_id(self, block: Block) -> str:
        return f"tooluse_{self.said.id}{block.number}"

    def _reason(self) -> str:
        return _REASONS[self.said.answer.choices[0].finish]

    def _metadata(self) -> dict[str, Any]:
        prompt, made = self.said.prompt, self.said.answer.tokens
        usage: dict[str, Any] = {
            "inputTokens": prompt.fresh,
            "outputTokens": made,
            "totalTokens": prompt.tokens + made,
            "cacheReadInputTokens": prompt.cached,
            "cacheWriteInputTokens": prompt.written,
        }
        if prompt.written:
            usage["cacheDetails"] = [{"ttl": "1h" if prompt.hour else "5m", "inputTokens": prompt.written}]
        told = self.said.usage(usage, COUNTERS)
        return {"metrics": {"latencyMs": LATENCY_MS}} | ({} if told is None else {"usage": told})


class InvokeShape(anthropic.Shape):
    """Anthropic's message, whose events come in frames. Bedrock adds counters of its own to the last."""

    content_type = CONTENT_TYPE

    def event(self, data: dict[str, Any]) -> bytes:
        """See `anthropic.Shape`."""
        return frame("chunk", {"bytes": base64.b64encode(json.dumps(data).encode()).decode()})

    def last(self) -> dict[str, Any]:
        """See `anthropic.Shape`."""
        prompt, made = self.said.prompt, self.said.answer.tokens
        metrics = {
            "inputTokenCount": prompt.fresh,
            "outputTokenCount": made,
            "invocationLatency": LATENCY_MS,
            "firstByteLatency": LATENCY_MS,
            "cacheReadInputTokenCount": prompt.cached,
            "cacheWriteInputTokenCount": prompt.written,
        }
        return super().last() | {"amazon-bedrock-invocationMetrics": metrics}

    def failure(self) -> bytes:
        """See `said.Shape`."""
        return exception("internalServerException", IN_STREAM)


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return frame("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})
