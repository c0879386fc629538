"""Right-sizing: the cheapest hardware that holds a model and answers in time.

Estimates, to choose what to measure: prefill is bound by arithmetic (2 FLOPs per parameter and token) and decoding by
memory, where each token reads all weights and the cache of every call in the batch
(https://jax-ml.github.io/scaling-book/inference/). Several devices count as one that is so many times as large.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from gateway.core.money import Money
from gateway.planning.amounts import HOURS_PER_MONTH, Number, times, up
from gateway.planning.gpus import Hardware, Tier

COUNTS = (1, 2, 4, 8)
COMPUTE_USED = Fraction("0.4")
BANDWIDTH_USED = Fraction("0.6")
GB = 10**9

# Bytes of cache per token at 16 bits, by billions of parameters: 2 × layers × KV heads × head size × 2, of the
# configurations of Llama 3.2 1B and 3B, Llama 3.1 8B, Qwen2.5 14B and 32B, Llama 3.1 70B and 405B (https://huggingface.co).
KV_BYTES = ((1, 32_768), (3, 114_688), (8, 131_072), (14, 196_608), (32, 262_144), (70, 327_680), (405, 516_096))


@dataclass(frozen=True, slots=True)
class Need:
    """A model and its traffic."""

    params_b: Fraction  # Billions of parameters.
    input_tokens: int
    output_tokens: int
    concurrency: int  # Calls that are answered together.
    latency_ms: int  # A whole answer takes this at most.
    bits: int = 16  # Of each weight.
    kv_bytes: int | None = None  # Of the cache, per token; None: as models of that size have.
    headroom: Fraction = Fraction("0.2")  # Memory on top of what is needed.

    @property
    def weights_bytes(self) -> Fraction:
        """All weights."""
        return self.params_b * GB * self.bits / 8

    @property
    def cache_bytes(self) -> int:
        """The KV cache of all calls that are answered together, each at its full length."""
        each = self.kv_bytes if self.kv_bytes is not None else kv_bytes(self.params_b)
        return each * (self.input_tokens + self.output_tokens) * self.concurrency

    @property
    def memory_gb(self) -> Fraction:
        """What the hardware must hold, headroom included."""
        return (self.weights_bytes + self.cache_bytes) * (1 + self.headroom) / GB


@dataclass(frozen=True, slots=True)
class Fit:
    """So many devices of one kind: what they hold, how fast they would be, what they cost."""

    hardware: Hardware
    count: int
    hourly: Money
    latency_ms: int
    holds: bool
    in_time: bool

    @property
    def fits(self) -> bool:
        """Whether it will do."""
        return self.holds and self.in_time

    @property
    def monthly(self) -> Money:
        """Around the clock, 30 days."""
        return times(self.hourly, HOURS_PER_MONTH)


def kv_bytes(params_b: Number) -> int:
    """Bytes of cache per token in models of that size or the next larger known one."""
    return next((each for size, each in KV_BYTES if params_b <= size), KV_BYTES[-1][1])


def latency_ms(need: Need, hardware: Hardware, count: int) -> int:
    """How long a whole answer takes while so many others are answered."""
    flops = hardware.tflops * count * COMPUTE_USED * 10**12
    bandwidth = hardware.bandwidth_gb_s * count * BANDWIDTH_USED * GB
    per_token = 2 * need.params_b * GB / flops
    step = max((need.weights_bytes + need.cache_bytes) / bandwidth, per_token * need.concurrency)
    return up((per_token * need.input_tokens + step * need.output_tokens) * 1000)


def sized(need: Need, hardware: Iterable[Hardware], tier: Tier = Tier.ON_DEMAND) -> list[Fit]:
    """Every kind in the smallest number that fits, or the largest that there is; what fits first, then the cheapest."""
    found = [_smallest(need, one, tier) for one in hardware]
    return sorted(found, key=lambda fit: (not fit.fits, fit.hourly, fit.latency_ms))


def _smallest(need: Need, one: Hardware, tier: Tier) -> Fit:
    counts = COUNTS if one.kind == "gpu" else COUNTS[:1]
    fits = [_fit(need, one, count, tier) for count in counts]
    return next((fit for fit in fits if fit.fits), fits[-1])


def _fit(need: Need, one: Hardware, count: int, tier: Tier) -> Fit:
    ms = latency_ms(need, one, count)
    holds = need.memory_gb <= one.memory_gb * count
    return Fit(one, count, times(one.hourly[tier], count), ms, holds, ms <= need.latency_ms)
