"""Whoever is worth most for this prompt: the chance that the answer is good, times what a good answer is worth, less
what the call will cost."""

from __future__ import annotations

from gateway.core.money import PICOS_PER_DOLLAR
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision, Signal
from policies.params import usd
from policies.parts import cost, dollars, usable

READS = (Signal.SUCCESS,)
PARAMS = {"worth": usd}

WORTH_USD = 0.01


def choose(_request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """`params: {worth: 0.01 usd}`: twice that, and the policy pays twice as much for the same gain. Those of whom
    nothing is known stand behind all others, by price: unknown is not good."""
    worth = context.params.get("worth", WORTH_USD)

    def rank(candidate: Candidate) -> tuple[bool, float, str]:
        price, chance = cost(candidate).picos / PICOS_PER_DOLLAR, candidate.success
        return chance is None, price - worth * (chance or 0.0), candidate.name

    plan = sorted(usable(candidates, context.remaining), key=rank)
    first = plan[0]
    if first.success is None:
        return Decision(tuple(plan), f"no answer's chance is known; the cheapest: {first.name} at {dollars(first)}")
    told = f"{first.name}, good with {first.success:.0%} at about {dollars(first)}"
    return Decision(tuple(plan), f"worth most of {len(candidates)} where a good answer is worth ${worth:g}: {told}")
