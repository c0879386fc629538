"""What is asked: bodies as clients send them, and what the provider answers."""

from __future__ import annotations

import base64
import json
import random
import struct
from dataclasses import dataclass, field

CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
MODEL = "gpt-4o-mini"

_SAID = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "Hello! Please tell me what you can do for me today, in a few words."},
]


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _long_conversation() -> list[dict[str, str]]:
    """About 75,000 tokens, 312 KB: what a coding agent sends each turn. The same in every run."""
    dice = random.Random(1)
    words = "def return self import class the of and 'key': None range(10) error = (x, y) {} [] value for in".split()  # noqa: SIM905 - a text
    text = [" ".join(dice.choice(words) for _ in range(2_900)) for _ in range(24)]
    return [{"role": "user" if n % 2 else "assistant", "content": one} for n, one in enumerate(text)]


CHAT_ANSWER = _compact(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1741569952, "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello! I can help with writing, coding, "
            "planning and much else. What would you like to begin with today?", "refusal": None, "annotations": []},
            "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 19, "completion_tokens": 30, "total_tokens": 49,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0}},
        "service_tier": "default", "system_fingerprint": "fp_1",
    }
)  # fmt: skip


def _vector(number: int) -> str:
    return base64.b64encode(struct.pack("<256f", *(number / 64 + n / 256 for n in range(256)))).decode()


EMBEDDINGS_ANSWER = _compact(
    {
        "object": "list",
        "data": [{"object": "embedding", "index": n, "embedding": _vector(n)} for n in range(64)],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 640, "total_tokens": 640},
    }
)


@dataclass(frozen=True)
class Workload:
    """One kind of call, in a closed loop."""

    name: str
    body: bytes
    path: str = CHAT
    connections: int = 32
    headers: dict[str, str] = field(default_factory=dict)
    key: str = "first"  # Which of Fareway's keys asks.
    refused: bool = False  # An error is what is expected.
    ours: bool = False  # Peers have nothing like it.


WORKLOADS = (
    Workload("small_chat", _compact({"model": MODEL, "messages": _SAID, "max_tokens": 100})),
    Workload(
        "long_prompt",
        _compact({"model": MODEL, "messages": _long_conversation(), "max_tokens": 100}),
        connections=8,
    ),
    Workload(
        "embeddings",
        _compact(
            {
                "model": "text-embedding-3-small",
                "input": [f"A short text, number {n}, to be found again." for n in range(64)],
                "encoding_format": "base64",
            }
        ),
        path=EMBEDDINGS,
    ),
    Workload(
        "cache_hit",
        _compact({"model": MODEL, "messages": _SAID, "max_tokens": 101}),
        headers={"x-fareway-cache": "use"},
        ours=True,
    ),
    Workload(
        "refusal",
        _compact({"model": MODEL, "messages": _SAID, "max_tokens": 100}),
        key="broke",
        refused=True,
        ours=True,
    ),
)

STREAM = _compact({"model": MODEL, "messages": _SAID, "max_tokens": 100, "stream": True})
CHUNKS, CHUNK_EVERY_S = 40, 0.01
