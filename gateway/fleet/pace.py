"""How much of a machine a call asks for, from how fast the machine reads and writes.

An engine works in steps: in each it reads a piece of every prompt that is new, and writes a token of every answer
that is under way, for which it reads what the call has said so far from its cache. The weight of a call is the work
that a step does for it, in nanoseconds of the machine: so a long prompt weighs more than a short one until its first
token has come, and a long conversation more than a short one from then on.
"""

from __future__ import annotations

CHUNK_TOKENS = 2048
"""Of one prompt, that an engine reads in a step: vLLM's `max_num_batched_tokens` for chunked prefill where nothing
else is said (https://docs.vllm.ai/en/stable/configuration/optimization.html)."""

CONTEXT_TOKENS = 8192
"""So much context doubles the work of a token: reading its keys and values then takes as long as a call's part in
reading the weights, as with an 8B model of 16 GB, 128 KB a token and 16 calls at a time."""

SMOOTHING = 0.1
"""How much of an average is its newest sample."""

SAMPLE_NS_MIN = 10**6
SAMPLE_TOKENS_MIN = 16
"""Less says nothing of a pace."""


class Pace:
    """Tokens a second that a machine reads and writes for a call that it has alone: as configured, then as measured."""

    __slots__ = ("decode", "prefill")

    def __init__(self, prefill: float, decode: float) -> None:
        self.prefill = prefill
        self.decode = decode

    def weights(self, uncached: int, context: int) -> tuple[int, int]:
        """Of a call with so many tokens to be read and so many in mind: until its first token, and from then on."""
        reading = min(max(1, uncached), CHUNK_TOKENS) * 1e9 / self.prefill
        writing = (1 + context / CONTEXT_TOKENS) * 1e9 / self.decode
        return max(1, round(reading)), max(1, round(writing))

    def seconds(self, uncached: int, output: int) -> tuple[float, float]:
        """How long it would take to read and to write so many tokens."""
        return uncached / self.prefill, output / self.decode

    def read(self, tokens: int, nanoseconds: int) -> None:
        """A call that was alone had so many tokens read in this time."""
        self.prefill = _towards(self.prefill, tokens, nanoseconds)

    def wrote(self, tokens: int, nanoseconds: int) -> None:
        """A call that was alone had so many tokens written in this time."""
        self.decode = _towards(self.decode, tokens, nanoseconds)


def _towards(average: float, tokens: int, nanoseconds: int) -> float:
    if tokens < SAMPLE_TOKENS_MIN or nanoseconds < SAMPLE_NS_MIN:
        return average
    return average + SMOOTHING * (tokens * 1e9 / nanoseconds - average)
