"""The cheapest first, and the rest behind it by price."""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision
from policies.params import Reader
from policies.parts import cost, dollars, toss, usable

PARAMS: dict[str, Reader] = {}


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Order by likely cost. Among equals a conversation stays where it is; a call that belongs to none goes to the
    quicker."""

    def rank(candidate: Candidate) -> tuple[Money, float, str]:
        if request.facts.session is None:
            return cost(candidate), candidate.first_token_ms or 0.0, candidate.name
        return cost(candidate), toss(request, candidate), candidate.name

    plan = sorted(usable(candidates, context.remaining), key=rank)
    return Decision(tuple(plan), f"cheapest of {len(candidates)}: {plan[0].name} at about {dollars(plan[0])}")
