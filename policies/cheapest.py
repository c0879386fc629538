"""The cheapest first, and the rest behind it by price."""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision
from policies.params import Reader
from policies.parts import cost, dollars, draws, usable

PARAMS: dict[str, Reader] = {}


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Order by likely cost. Among the cheapest, if they are several, a conversation stays where it is; a call that
    belongs to none goes to the quicker."""
    within = usable(candidates, context.remaining)
    least, draw = min(map(cost, within)), draws(request)

    def rank(candidate: Candidate) -> tuple[Money, float, str]:
        likely = cost(candidate)
        if request.facts.session is None:
            return likely, candidate.first_token_ms or 0.0, candidate.name
        return likely, draw(candidate.name) if likely == least else 0.0, candidate.name

    plan = sorted(within, key=rank)
    return Decision(tuple(plan), f"cheapest of {len(plan)}: {plan[0].name} at about {dollars(plan[0])}")
