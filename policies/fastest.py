"""The one that has lately answered soonest first."""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision
from policies.params import share
from policies.parts import cost, explored, usable

PARAMS = {"explore": share}

EXPLORE = 0.02


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """`params: {explore: 2%}`. Order by time to the first token. One that was never tried comes first, with one call at
    a time, so that it gets a figure; and a small share of calls tries another than the fastest, which may be so no
    more."""
    plan = sorted(usable(candidates, context.remaining), key=_rank)
    if (tried := explored(request, context.params.get("explore", EXPLORE), plan[1:])) is not None:
        plan = [tried, *(c for c in plan if c is not tried)]
        return Decision(tuple(plan), f"tried, to see whether it has become faster: {tried.name}, {_seen(tried)}")
    return Decision(tuple(plan), f"fastest of {len(plan)}: {plan[0].name}, {_seen(plan[0])}")


def _rank(candidate: Candidate) -> tuple[int, float, int, Money, str]:
    known, busy = candidate.first_token_ms, candidate.in_flight
    place = 1 if known is not None else 2 if busy or candidate.error_rate else 0
    return place, known or 0.0, busy, cost(candidate), candidate.name


def _seen(candidate: Candidate) -> str:
    first = candidate.first_token_ms
    return "not tried yet" if first is None else f"{first:.0f} ms to the first token"
