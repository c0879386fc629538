"""Small pieces that policies share: filters, orders, and tosses that a replay repeats."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from gateway.core.errors import Unavailable
from gateway.core.money import ZERO, Money
from gateway.core.request import Request
from gateway.core.route import TIERS, Candidate

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


def at_least(candidates: tuple[Candidate, ...], tier: str) -> tuple[Candidate, ...]:
    """Those of this tier and above; all where there is none: then nothing better was asked for."""
    lowest = TIERS.index(tier)
    return tuple([c for c in candidates if TIERS.index(c.tier) <= lowest]) or candidates


def cost(candidate: Candidate) -> Money:
    """The likely cost, with an unknown one behind all others."""
    return candidate.cost_likely if candidate.cost_likely is not None else UNKNOWN_LAST


def up_first(tier: str, wanted: str) -> int:
    """Orders tiers: the wanted one, then the dearer ones, the next first; cheaper ones only as a last resort."""
    here, there = TIERS.index(tier), TIERS.index(wanted)
    return there - here if here <= there else len(TIERS) + here


def down_first(tier: str, wanted: str) -> int:
    """Orders tiers: the wanted one, then the cheaper ones, the next first; dearer ones only as a last resort."""
    here, there = TIERS.index(tier), TIERS.index(wanted)
    return here - there if here >= there else len(TIERS) + there - here


def taken(first: Candidate, wanted: str) -> str:
    """The tier of the first choice as text for a reason, where another was wanted."""
    return wanted if first.tier == wanted else f"{first.tier} for want of {wanted}"


def coin(text: str) -> float:
    """A number from 0 to 1 that looks random and is the same for the same text, in every process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big") / 2**56


def lot(request: Request, purpose: str) -> float:
    """A number from 0 to 1 for this call: all calls of a conversation draw the same."""
    return coin(f"{request.facts.session or request.id}/{purpose}")


def toss(request: Request, candidate: Candidate) -> float:
    """A number from 0 to 1 for this candidate. All calls of a conversation get the same, so that it stays where its
    prompt is cached, whichever replica decides and whoever else comes and goes (rendezvous hashing, Thaler and
    Ravishankar 1998)."""
    return lot(request, candidate.name)


def explored(request: Request, share: float, among: Sequence[Candidate]) -> Candidate | None:
    """Which of these the call tries, if it is one of the share of calls, or conversations, that try any: what was once
    slow would else never be seen to have become better."""
    if not among or lot(request, "explore") >= share:
        return None
    return min(among, key=lambda c: (toss(request, c), c.name))


def dollars(candidate: Candidate) -> str:
    """The likely cost as text for a reason."""
    return "an unknown price" if candidate.cost_likely is None else str(candidate.cost_likely)
