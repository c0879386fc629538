"""The cheapest of those that begin to answer in time: nineteen of twenty of their recent calls did.

One of which too little is known, or that was too slow of late, gets a small share of the calls where it would be
cheaper: else nobody would learn that it has become fast enough.
"""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision, Signal
from policies.params import milliseconds, share
from policies.parts import cost, explored, usable

READS = (Signal.LATENCY,)
PARAMS = {"first_token": milliseconds, "explore": share}

FIRST_TOKEN_MS = 1000.0
EXPLORE = 0.02
"""Of all calls. More would by themselves be too slow for a target that one call in twenty may miss."""


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """`params: {first_token: 800ms, explore: 2%}`. Behind those in time stand those that nobody knows, by price, and
    then the slow ones, the fastest first; where none is in time, the slow ones stand before the unknown."""
    target = context.params.get("first_token", FIRST_TOKEN_MS)
    within = usable(candidates, context.remaining)
    known = [(c.first_token_p95_ms, c) for c in within if c.first_token_p95_ms is not None]
    in_time = sorted([c for p95, c in known if p95 <= target], key=_price)
    late = [c for _, c in sorted([k for k in known if k[0] > target], key=lambda k: (k[0], _price(k[1])))]
    untested = sorted([c for c in within if c.first_token_p95_ms is None], key=_price)
    plan = [*in_time, *untested, *late] if in_time else [*late, *untested]
    others = [c for c in (*untested, *late) if cost(c) < cost(plan[0])] if in_time else plan[1:]
    if (tried := explored(request, context.params.get("explore", EXPLORE), others)) is not None:
        plan = [tried, *(c for c in plan if c is not tried)]
        return Decision(tuple(plan), f"tried, to see whether it answers within {target:g} ms: {tried.name}")
    return Decision(tuple(plan), _reason(plan[0], len(in_time), target))


def _price(candidate: Candidate) -> tuple[Money, str]:
    return cost(candidate), candidate.name


def _reason(first: Candidate, in_time: int, target: float) -> str:
    p95 = first.first_token_p95_ms
    if p95 is None:
        return f"nothing is known yet of who answers within {target:g} ms; the cheapest: {first.name}"
    if in_time:
        return f"cheapest of {in_time} that answer within {target:g} ms: {first.name} (p95 {p95:.0f} ms)"
    return f"none answers within {target:g} ms; the fastest: {first.name} (p95 {p95:.0f} ms)"
