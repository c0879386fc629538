"""Each in proportion to its weight. The toss is a hash of the conversation, or of the request id where there is none:
a replay tosses the same."""

from __future__ import annotations

from math import log

from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision
from policies.params import Reader
from policies.parts import draws, usable

PARAMS: dict[str, Reader] = {}


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Draw without replacement by weight (Efraimidis and Spirakis 2006): order by log(coin)/weight. A conversation
    draws the same every time. Weight 0 is a fallback only."""
    draw = draws(request)

    def rank(candidate: Candidate) -> tuple[bool, float, str]:
        drawn = draw(candidate.name) or 2**-54
        return candidate.weight <= 0, -log(drawn) / max(candidate.weight, 1), candidate.name

    plan = sorted(usable(candidates, context.remaining), key=rank)
    total = sum(c.weight for c in plan)
    return Decision(tuple(plan), f"drawn by weight: {plan[0].name} has {plan[0].weight} of {total}")
