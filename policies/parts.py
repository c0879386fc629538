"""Small pieces that policies share."""

from __future__ import annotations

from hashlib import blake2b

from gateway.core.errors import Unavailable
from gateway.core.money import ZERO, Money
from gateway.core.request import Request
from gateway.core.route import Candidate

UNKNOWN_LAST = Money(10**30)
"""Where a cost is unknown: behind every known one."""


def usable(candidates: tuple[Candidate, ...], remaining: Money | None) -> tuple[Candidate, ...]:
    """Those that work; of these, those that the money left can pay for. If it can pay for none, all that work:
    the refusal is then the limit's own, with its figures. Raises Unavailable if none works."""
    alive = tuple([c for c in candidates if c.working])
    if not alive:
        raise Unavailable("Every deployment of this model is failing at the moment.")
    if remaining is None:
        return alive
    return tuple([c for c in alive if (c.cost_worst or ZERO) <= remaining]) or alive


def cost(candidate: Candidate) -> Money:
    """The likely cost, with an unknown one behind all others."""
    return candidate.cost_likely if candidate.cost_likely is not None else UNKNOWN_LAST


def coin(text: str) -> float:
    """A number from 0 to 1 that looks random and is the same for the same text, in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


def toss(request: Request, candidate: Candidate) -> float:
    """A number from 0 to 1 for this candidate. All calls of a conversation get the same, so that it stays where its
    prompt is cached, whichever replica decides and whoever else comes and goes (rendezvous hashing, Thaler and
    Ravishankar 1998)."""
    return coin(f"{request.facts.session or request.id}/{candidate.name}")


def dollars(candidate: Candidate) -> str:
    """The likely cost as text for a reason."""
    return "an unknown price" if candidate.cost_likely is None else str(candidate.cost_likely)
