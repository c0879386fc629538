"""Where a request could go, and where it will."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct, field

from gateway.core.money import Money
from gateway.core.node import Place
from gateway.core.reply import Check
from gateway.core.request import Request

TIERS = ("premium", "standard", "economy")


class Signal(StrEnum):
    """What costs something to find out, and is known to those policies alone that name it in `READS`."""

    SUCCESS = "success"  # Candidate.success
    WARMTH = "warmth"  # Candidate.warm_tokens, with what it saves in cost_likely; cost_warm, wait_ms; Context.stays.
    LATENCY = "latency"  # Candidate.first_token_p95_ms
    BURN = "burn"  # Context.burn


class Candidate(Struct, frozen=True):
    """One deployment that could take the call, with all the numbers that a policy may know."""

    name: str  # "openai/gpt-4o-mini", unique.
    provider: str
    model: str
    tier: str  # One of TIERS.
    selfhosted: bool
    cost_likely: Money | None  # None: unpriced. Unknown is never zero.
    cost_worst: Money | None
    weight: int = 1
    error_rate: float = 0.0  # 0 to 1, recent calls.
    first_token_ms: float | None = None  # Recent average; None before the first call. Of calls that do not stream, as
    # of all latencies here, if this one does not: until the whole answer is there.
    in_flight: int = 0
    working: bool = True  # False while its breaker is open.
    success: float | None = None  # The chance, 0 to 1, that its answer to this prompt is good; None: nobody knows.
    warm_tokens: int = 0  # Of this prompt, believed to be in its cache.
    wait_ms: float = 0.0  # Before it begins with this call, as far as its load tells.
    first_token_p95_ms: float | None = None  # Of recent calls; None before there were a few.
    cost_warm: Money | None = None  # The likely cost with all of its prompt in its cache there; None: nobody knows.
    prefill_ms: float | None = None  # To read what is not warm, at the pace of late. None: no engine of ours.
    tokens_lately: int = 0  # That this engine was given to read in the last minutes.
    backend: str = ""  # Which engine of ours it is, by host and port; empty for all others. With a machine, cost_likely
    # is what the call adds to the bill (gateway/fleet/marginal.py), and wait_ms is known under every policy.
    cost_loaded: Money | None = None  # Its likely share of what the machine costs. None: no machine of ours.
    waiting: int = 0  # Calls that have no place there yet, as the engine says.
    cache_used: float | None = None  # The share of its KV cache in use, 0 to 1. None: it does not say.

    @property
    def group(self) -> str:
        """Its name without the engine: "local/llama-70b" is one model wherever it runs."""
        return f"{self.provider}/{self.model}"

    @property
    def place(self) -> Place:
        """What limits may speak about."""
        return Place(self.provider, self.tier, self.model)


class Context(Struct, frozen=True):
    """What else a policy may know."""

    remaining: Money | None = None  # On the tightest hard budget of the caller; None without one.
    params: Mapping[str, Any] = field(default_factory=dict)  # The policy's own, from the configuration.
    stays: str = ""  # The deployment that answered this conversation last; empty where there was none.
    burn: float | None = None  # Pace of the caller's tightest hard budget: at 1 it lasts just to its window's end.


class Cascade(Struct, frozen=True):
    """The first of a plan are asked one after the other, and what they answer is checked. What passes is given to the
    caller; if nothing does, the rest of the plan answers, as any plan does."""

    check: Check
    steps: int = 1  # So many of the plan's first.
    params: Mapping[str, Any] = field(default_factory=dict)  # The check's own.


class Decision(Struct, frozen=True):
    """Where to try, first choice first, and why. Never empty."""

    plan: tuple[Candidate, ...]
    reason: str
    hedge_after_ms: float | None = None  # If the first has not begun to answer by then, the next is asked, too.
    cascade: Cascade | None = None

    def __post_init__(self) -> None:
        """A policy refuses by raising, not with an empty plan."""
        assert self.plan, "a policy must not return an empty plan"


class Policy(Protocol):
    """Orders the candidates. Pure: same arguments, same decision. Its module may name in `READS` the Signals that it
    reads, others are left unknown; and in `PARAMS` how each of its parameters is read from the configuration."""

    def __call__(self, request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
        """Return the plan, or raise a GatewayError when none of the candidates will do."""
        ...
