"""OpenAI's `POST /v1/responses`: a whole response, and the events of a stream."""

from __future__ import annotations

from typing import Any

from gateway.simulator.blocks import Block, BlockShape
from gateway.simulator.errors import IN_STREAM
from gateway.simulator.openai_responses_kept import Kept
from gateway.simulator.openai_responses_request import SEAL
from gateway.simulator.said import Said, event
from gateway.simulator.seals import seal

COUNTERS = ("input_tokens", "output_tokens", "total_tokens")
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"content": []},
    "thought": {"summary": []},
    "call": {"arguments": ""},
}
"""Items as they begin."""
_PREFIXES = {"thought": "rs", "text": "msg", "call": "fc"}


class Shape(BlockShape):
    """See `said.Shape`. Items are made once, because a stream shows them twice."""

    def __init__(self, said: Said, kept: Kept) -> None:
        super().__init__(said)
        self._kept = kept
        self._items = [self._item(block) for block in self.blocks]
        self._sent = 0

    def whole(self) -> dict[str, Any]:
        """The response, which is kept from now on."""
        reason = _INCOMPLETE.get(self.said.answer.choices[0].finish)
        prompt, answer = self.said.prompt, self.said.answer
        usage = {
            "input_tokens": prompt.tokens,
            "input_tokens_details": {"cached_tokens": prompt.cached, "cache_write_tokens": 0},
            "output_tokens": answer.tokens,
            "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
            "total_tokens": prompt.tokens + answer.tokens,
        }
        response = self._response("incomplete" if reason else "completed") | {
            "incomplete_details": {"reason": reason} if reason else None,
            "output": self._items,
            "service_tier": "default",
            "usage": self.said.usage(usage, COUNTERS),
        }
        if response["store"]:
            self._kept.keep(self.said.asked.echo.items, response)
        return response

    def opening(self) -> bytes:
        """The response as it begins."""
        begun = self._response("in_progress")
        return self._event("created", response=begun) + self._event("in_progress", response=begun)

    def opened(self, index: int, block: Block) -> bytes:
        """See `BlockShape`."""
        begun = self._items[index] | _EMPTY[block.kind]
        if block.kind != "thought":
            begun["status"] = "in_progress"
        added = self._event("output_item.added", output_index=index, item=begun)
        if block.kind == "text":
            return added + self._on(index, "content_part.added", content_index=0, part=_part(""))
        if block.kind == "thought" and block.steps:
            return added + self._on(index, "reasoning_summary_part.added", summary_index=0, part=_summary(""))
        return added

    def grown(self, index: int, block: Block, step: str) -> bytes:
        """See `BlockShape`."""
        if block.kind == "text":
            return self._on(index, "output_text.delta", content_index=0, delta=step, logprobs=[])
        if block.kind == "thought":
            return self._on(index, "reasoning_summary_text.delta", summary_index=0, delta=step)
        return self._on(index, "function_call_arguments.delta", delta=step)

    def closed(self, index: int, block: Block) -> bytes:
        """See `BlockShape`."""
        text, done = block.text, b""
        if block.kind == "text":
            done = self._on(index, "output_text.done", content_index=0, text=text, logprobs=[])
            done += self._on(index, "content_part.done", content_index=0, part=_part(text))
        elif block.kind == "call":
            done = self._on(index, "function_call_arguments.done", arguments=text, name=block.name)
        elif block.steps:
            done = self._on(index, "reasoning_summary_text.done", summary_index=0, text=text)
            done += self._on(index, "reasoning_summary_part.done", summary_index=0, part=_summary(text))
        return done + self._event("output_item.done", output_index=index, item=self._items[index])

    def ended(self) -> bytes:
        """See `BlockShape`."""
        response = self.whole()
        return self._event(response["status"], response=response)

    def failure(self) -> bytes:
        """See `said.Shape`."""
        error = {"type": "error", "code": "server_error", "message": IN_STREAM, "param": None}
        return event(error | {"sequence_number": self._sent}, "error")

    def _response(self, status: str) -> dict[str, Any]:
        echo: dict[str, Any] = self.said.asked.echo.body
        return echo | {
            "id": self.said.id,
            "object": "response",
            "created_at": self.said.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": self.said.asked.model,
            "output": [],
            "service_tier": "auto",
            "usage": None,
        }

    def _item(self, block: Block) -> dict[str, Any]:
        made = self.said.id.removeprefix("resp_")
        item: dict[str, Any] = {"id": f"{_PREFIXES[block.kind]}_{made}{block.number}"}
        if block.kind == "thought":
            sealed = {"encrypted_content": seal(SEAL)} if self.said.asked.echo.sealed else {}
            return item | {"type": "reasoning", "summary": [_summary(block.text)] if block.steps else []} | sealed
        cut = self.said.answer.choices[0].finish in _INCOMPLETE and block == self.blocks[-1]
        item["status"] = "incomplete" if cut else "completed"
        if block.kind == "text":
            return item | {"type": "message", "role": "assistant", "content": [_part(block.text)]}
        call_id = f"call_{made}{block.number}"
        return item | {"type": "function_call", "call_id": call_id, "name": block.name, "arguments": block.text}

    def _on(self, index: int, kind: str, **data: Any) -> bytes:
        """An event about an item."""
        return self._event(kind, item_id=self._items[index]["id"], output_index=index, **data)

    def _event(self, kind: str, **data: Any) -> bytes:
        kind = f"response.{kind}"
        self._sent += 1
        return event({"type": kind, "sequence_number": self._sent - 1} | data, kind)


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _summary(text: str) -> dict[str, Any]:
    return {"type": "summary_text", "text": text}
