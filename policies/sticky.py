"""A conversation stays where its prompt is cached, until leaving pays.

Both ways are added up over this turn and a few more: staying is cheap at once, elsewhere the prompt must first be read
anew. A conversation leaves only where that comes out lower by a margin: a small saving would soon turn round, and each
turn of that kind loses a cache.
"""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision, Signal
from policies.params import number, share
from policies.parts import draws, usable

READS = (Signal.WARMTH,)
PARAMS = {"turns": number(0, 1000), "margin": share}

TURNS_MIN, TURNS_MAX = 4, 16
"""To come after this one: as many as there have been (of two messages each), within these. Three of four coding
sessions go on for 16 more calls, whenever one asks; other conversations are shorter."""
MARGIN = 0.1
"""By which leaving must be cheaper."""


def ahead(candidate: Candidate, turns: float) -> float | None:
    """What this turn there and so many more are likely to cost, in pico-dollars: the later ones with all of their
    prompt in its cache. None where the price is unknown."""
    now, later = candidate.cost_likely, candidate.cost_warm
    if now is None:
        return None
    return now.picos + turns * (now if later is None else later).picos


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """`params: {turns: 8, margin: 10%}`. A new conversation goes to one of those that are cheapest within the margin,
    by a hash of its name, so that every replica sends it to the same."""
    turns = context.params.get("turns", min(max(request.facts.turns // 2, TURNS_MIN), TURNS_MAX))
    margin = context.params.get("margin", MARGIN)
    draw, within = draws(request), usable(candidates, context.remaining)
    costs = {c.name: ahead(c, turns) for c in within}
    least = min((known for known in costs.values() if known is not None), default=0.0)

    def rank(candidate: Candidate) -> tuple[int, float, str]:
        known = costs[candidate.name]
        if candidate.name == context.stays:
            leaves = known is not None and least < known * (1 - margin)
            return (0, known, candidate.name) if leaves and known is not None else (-1, 0.0, candidate.name)
        if known is None:
            return 1, draw(candidate.name), candidate.name
        if not context.stays and known * (1 - margin) <= least:
            return -1, draw(candidate.name), candidate.name
        return 0, known, candidate.name

    plan = sorted(within, key=rank)
    return Decision(tuple(plan), _reason(plan[0], costs, context.stays, turns))


def _reason(first: Candidate, costs: dict[str, float | None], stays: str, turns: float) -> str:
    over = f"about {_dollars(costs[first.name])} over {turns + 1:g} turns"
    if first.name == stays:
        others = [known for name, known in costs.items() if name != stays and known is not None]
        elsewhere = f", elsewhere {_dollars(min(others))} or more" if others else ""
        return f"stays at {stays}: {over}{elsewhere}"
    if stays in costs:
        return f"leaves {stays} for {first.name}: {over}, and not {_dollars(costs[stays])}"
    if stays:
        return f"{stays} cannot take it any more: {first.name}, {over}"
    return f"begins at {first.name}: {over}"


def _dollars(picos: float | None) -> str:
    return "an unknown price" if picos is None else str(Money(round(picos)))
