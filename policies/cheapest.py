"""The cheapest first, and the rest behind it by price."""

from __future__ import annotations

from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision
from policies.parts import cost, dollars, usable


def choose(_request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Order by likely cost; among equals, the quicker, then the name."""
    within = usable(candidates, context.remaining)
    plan = sorted(within, key=lambda c: (cost(c), c.first_token_ms or 0, c.name))
    return Decision(tuple(plan), f"cheapest of {len(candidates)}: {plan[0].name} at about {dollars(plan[0])}")
