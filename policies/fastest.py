"""The one that has lately answered soonest first."""

from __future__ import annotations

from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision
from policies.parts import cost, usable


def choose(_request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Order by time to the first token. One that was never tried comes first, so that it gets a figure."""
    within = usable(candidates, context.remaining)
    plan = sorted(within, key=lambda c: (c.first_token_ms or 0, c.in_flight, cost(c), c.name))
    first = plan[0].first_token_ms
    seen = "not tried yet" if first is None else f"{first:.0f} ms to the first token"
    return Decision(tuple(plan), f"fastest of {len(candidates)}: {plan[0].name}, {seen}")
