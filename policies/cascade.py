"""Cheap ones first; their answers are checked, and only where they will not do is a better tier asked.

Chen et al., FrugalGPT (2023), https://arxiv.org/abs/2305.05176
"""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import TIERS, Candidate, Cascade, Context, Decision
from policies.checks import complete, named
from policies.params import share, tier, whole
from policies.parts import cost, dollars, usable

PARAMS = {"check": named, "steps": whole(1, 10), "to": tier, "threshold": share}
STEPS = {"agreement": 2}
"""How many cheap ones are asked where nothing is said: as many as the check needs."""


def choose(_request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """`params: {check: complete, steps: 1, to: premium}`: a check by its name here or its dotted name, how many cheap
    ones are asked, and the tier that answers when they will not do; without one, the next better tier that there is."""
    within = sorted(usable(candidates, context.remaining), key=lambda c: (cost(c), c.name))
    check = context.params.get("check", complete.check)
    name = check.__module__.rpartition(".")[2]
    steps = int(context.params.get("steps", STEPS.get(name, 1)))
    cheap, rest = within[:steps], within[steps:]
    if not rest:
        return Decision(tuple(within), f"cheapest of {len(candidates)}, with nobody to go on to: {within[0].name}")
    best = min(TIERS.index(c.tier) for c in cheap)
    wanted = TIERS.index(context.params["to"]) if "to" in context.params else best - 1

    def rank(candidate: Candidate) -> tuple[bool, int, Money, str]:
        place = TIERS.index(candidate.tier)
        return place > wanted, abs(place - wanted), cost(candidate), candidate.name

    rest.sort(key=rank)
    asked = " and ".join(c.name for c in cheap)
    reason = f"{name}: {asked} first at about {dollars(cheap[0])}, then {rest[0].name}"
    return Decision((*cheap, *rest), reason, cascade=Cascade(check, len(cheap), context.params))
