"""The cheapest first; and where it is late to begin, the next one is asked, too, and whoever begins first answers.

A second request after a high quantile of the usual time cuts the slowest answers at little cost: Dean and Barroso, The
Tail at Scale (2013), https://research.google/pubs/the-tail-at-scale/
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision, Signal
from policies import cheapest
from policies.params import milliseconds, number

READS = (Signal.LATENCY,)
PARAMS = {"factor": number(0.1, 100), "floor": milliseconds, "after": milliseconds}

FACTOR = 1.0
FLOOR_MS = 500.0


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """As `cheapest`. `params: {factor: 1.5, floor: 500ms}`: late is so many times what nineteen of twenty calls there
    take to their first token, and at least the floor; where that is not known yet, there is no second call. `after: 2s`
    says instead when it is late."""
    decision = cheapest.choose(request, candidates, context)
    after_ms = _late_ms(decision.plan[0], context)
    if after_ms is None or len(decision.plan) == 1:
        return decision
    reason = f"{decision.reason}; after {after_ms:.0f} ms without a word, {decision.plan[1].name} is asked, too"
    return replace(decision, reason=reason, hedge_after_ms=after_ms)


def _late_ms(first: Candidate, context: Context) -> float | None:
    after: float | None = context.params.get("after")
    if after is not None:
        return after
    if first.first_token_p95_ms is None:
        return None
    factor, floor = context.params.get("factor", FACTOR), context.params.get("floor", FLOOR_MS)
    return max(float(floor), first.first_token_p95_ms * float(factor))
