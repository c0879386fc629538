"""What is asked: calls with a known cost, and the most that each can cost. Money is whole pico-dollars here."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

MODEL = "gpt-4o-mini"
INPUT_PICOS, OUTPUT_PICOS = 150_000, 600_000
"""What one token costs: $0.15 and $0.60 per million, as every gateway's price list has it."""

OVERHEAD = 7
"""Input tokens of OpenAI's chat format around one message of a user."""

PICOS = 10**12


def picos_of(given: int, made: int) -> int:
    """The provider's charge."""
    return given * INPUT_PICOS + made * OUTPUT_PICOS


@dataclass(slots=True)
class Call:
    """One call: what is asked of whom, and what became of it. Times are Unix seconds."""

    id: str
    tenant: str
    words: int  # Of the prompt, one token each.
    made: int  # Output tokens that the provider will make if nothing comes between.
    cap: int  # `max_tokens`; at least `made`.
    stream: bool = False
    leave_after: int | None = None  # The caller hangs up after so many events.
    replica: int = 0
    sent: float = 0.0
    ended: float = 0.0
    status: int = 0  # 0: the connection broke before any answer.
    cut: bool = False  # It was admitted, and its answer did not come to its proper end.
    retry_after_s: float | None = None
    body: bytes = field(default=b"", repr=False)

    @property
    def refused(self) -> bool:
        """For money: what a budget says."""
        return self.status == 429

    @property
    def admitted(self) -> bool:
        return self.status == 200

    @property
    def most_picos(self) -> int:
        """What a strict hold sets aside without knowing any tokenizer: a token has at least one byte."""
        return picos_of(len(self.encoded()), self.cap)

    @property
    def needs_picos(self) -> int:
        """The same by an exact count, with some room for how a gateway rounds: before it refuses, it may well count."""
        return picos_of(self.words + OVERHEAD + 16, self.cap)

    def encoded(self) -> bytes:
        """The body. The provider reads its orders from `user`, which no tokenizer counts."""
        if not self.body:
            asked = {
                "model": MODEL,
                "messages": [{"role": "user", "content": " hello" * self.words}],
                "max_tokens": self.cap,
                "user": f"{self.id}/{self.words}/{self.made}",
            }
            if self.stream:
                asked |= {"stream": True, "stream_options": {"include_usage": True}}
            self.body = json.dumps(asked, separators=(",", ":")).encode()
        return self.body


class Making:
    """Makes calls of one kind, numbered. `spread`: an answer is so much shorter than its cap, at random."""

    def __init__(self, seed: int, *, words: int, cap: int, spread: float = 0.25, stream: bool = False) -> None:
        self._chance = random.Random(seed)
        self._words, self._cap, self._spread, self._stream = words, cap, spread, stream
        self._name = f"{seed:x}-{words}-{cap}"
        self._number = 0

    def __call__(self, tenant: str = "t0") -> Call:
        self._number += 1
        made = round(self._cap * (1 - self._spread * self._chance.random()))
        return Call(f"{self._name}-{self._number}", tenant, self._words, made, self._cap, self._stream)

    @property
    def mean_picos(self) -> int:
        """What one costs on average."""
        return picos_of(self._words + OVERHEAD, round(self._cap * (1 - self._spread / 2)))
