"""A cheaper tier for more and more calls, the faster a budget burns: it shall last to the end of its window.

Which calls are moved is a hash of the conversation. So the share grows smoothly with the pace, and a conversation that
was moved stays so until the pace falls below its own point.
"""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import TIERS, Candidate, Context, Decision, Signal
from policies.params import number, tier
from policies.parts import at_least, cost, down_first, draws, taken, usable

READS = (Signal.BURN,)
PARAMS = {"usual": tier, "least": tier, "standard": number(0.1, 1000), "economy": number(0.1, 1000)}

USUAL = "premium"
LEAST = "economy"
PACES = {"standard": 1.2, "economy": 1.5}
"""From which pace on calls are moved down to each tier."""

ALL_AT = 1.25
"""So many times that pace, all of them are. Later, and what is wasted before is missing at the end of the window."""


def moved(pace: float, begins: float) -> float:
    """The share of calls, 0 to 1, that are moved to a tier to which the first one is at the pace `begins`."""
    return min(1.0, max(0.0, (pace / begins - 1) / (ALL_AT - 1)))


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """`params: {usual: premium, standard: 1.2, economy: 1.5, least: economy}`. In a tier the cheapest; behind it
    cheaper ones that are allowed, then dearer ones. Never below `least`, unless there is nothing else at all."""
    usual, least = context.params.get("usual", USUAL), context.params.get("least", LEAST)
    wanted, pace, drawn = usual, context.burn, draws(request)("pressure")
    for below in TIERS[TIERS.index(usual) + 1 : TIERS.index(least) + 1]:
        if pace is not None and drawn < moved(pace, context.params.get(below, PACES[below])):
            wanted = below
    places = down_first(wanted)

    def rank(candidate: Candidate) -> tuple[int, Money, str]:
        return places[candidate.tier], cost(candidate), candidate.name

    plan = sorted(usable(at_least(candidates, least), context.remaining), key=rank)
    return Decision(tuple(plan), f"{taken(plan[0], wanted)}, as {_burning(pace)}: {plan[0].name}")


def _burning(pace: float | None) -> str:
    if pace is None:
        return "no budget with a window stands above the caller"
    return f"the budget burns at {pace:.2f} times the pace that it lasts at"
