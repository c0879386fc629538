"""Answers in OpenAI's shapes: a whole completion, the chunks of a stream, and the usage of both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.simulator.answers import Answer, Choice
from gateway.simulator.bodies import Chat
from gateway.simulator.faults import Orders

DONE = b"data: [DONE]\n\n"
FINGERPRINT = "fp_sim"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer with everything that its JSON needs."""

    id: str
    created: int
    chat: Chat
    orders: Orders
    answer: Answer
    prompt_tokens: int
    cached_tokens: int

    def head(self, kind: str) -> dict[str, Any]:
        """The fields that a completion and its chunks share."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.chat.model,
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    @property
    def usage(self) -> dict[str, Any] | None:
        """The usage as reported, which is the truth unless the call asked for something else."""
        if self.orders.nousage:
            return None
        true = _usage(self.prompt_tokens, self.cached_tokens, self.answer)
        return _spoiled(true, self.orders.badusage) if self.orders.badusage else true


def completion(said: Said) -> dict[str, Any]:
    """The answer in one piece."""
    choices = [
        {"index": index, "message": _message(choice, said.id, index), "logprobs": None, "finish_reason": choice.finish}
        for index, choice in enumerate(said.answer.choices)
    ]
    body = said.head("chat.completion") | {"choices": choices}
    return body if said.usage is None else body | {"usage": said.usage}


class Chunks:
    """The events of a stream. Everything but the delta is rendered once, since there are many deltas."""

    def __init__(self, said: Said) -> None:
        self._said = said
        self._head = json.dumps(said.head("chat.completion.chunk"))[:-1]
        self._tail = ', "usage": null}\n\n' if said.chat.wants_usage else "}\n\n"

    def opening(self) -> bytes:
        """The first chunk of every choice: who speaks."""
        return b"".join(
            self._chunk(index, {"role": "assistant", "content": None if choice.tool else "", "refusal": None})
            for index, choice in enumerate(self._said.answer.choices)
        )

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """Each visible token as one chunk, with its place in time; choices take turns."""
        answer = self._said.answer
        for tick in range(answer.ticks - answer.hidden):
            for index, choice in enumerate(answer.choices):
                if tick < choice.tokens:
                    yield answer.hidden + tick, self._chunk(index, _delta(choice, tick, self._said.id, index))

    def ending(self) -> bytes:
        """Why each choice ends, the usage if it was asked for, and the end mark."""
        events = [self._chunk(index, {}, choice.finish) for index, choice in enumerate(self._said.answer.choices)]
        usage = self._said.usage
        if self._said.chat.wants_usage and usage is not None:
            events.append(f'data: {self._head}, "choices": [], "usage": {json.dumps(usage)}}}\n\n'.encode())
        return b"".join((*events, DONE))

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = (
            f'"index": {index}, "delta": {json.dumps(delta)}, "logprobs": null, "finish_reason": {json.dumps(finish)}'
        )
        return f'data: {self._head}, "choices": [{{{choice}}}]{self._tail}'.encode()


def _message(choice: Choice, call_id: str, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    if choice.tool is not None:
        function = {"name": choice.tool, "arguments": choice.text}
        message |= {"content": None, "tool_calls": [_tool_call(call_id, index) | {"function": function}]}
    return message


def _delta(choice: Choice, tick: int, call_id: str, index: int) -> dict[str, Any]:
    if choice.tool is None:
        return {"content": choice.pieces[tick]}
    if tick == 0:
        opened = _tool_call(call_id, index) | {"function": {"name": choice.tool, "arguments": ""}}
        return {"tool_calls": [{"index": 0} | opened]}
    return {"tool_calls": [{"index": 0, "function": {"arguments": choice.pieces[tick - 1]}}]}


def _tool_call(call_id: str, index: int) -> dict[str, Any]:
    return {"id": f"call_{call_id.removeprefix('chatcmpl-')}{index}", "type": "function"}


def _usage(prompt: int, cached: int, answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer.tokens,
        "total_tokens": prompt + answer.tokens,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _spoiled(usage: dict[str, Any], how: str) -> dict[str, Any]:
    """A usage that no gateway should believe."""
    counters = ("prompt_tokens", "completion_tokens", "total_tokens")
    if how == "missing":
        return {}
    if how == "negative":
        return usage | {name: -usage[name] - 1 for name in counters}
    if how == "huge":
        return usage | dict.fromkeys(counters, 10**18)
    return usage | {name: str(usage[name]) for name in counters}
