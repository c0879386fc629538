"""Small pieces that policies share: filters, orders, and tosses that a replay repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b

from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import TIERS, Candidate

UNKNOWN_LAST = Money(10**30)
"""Where a cost is unknown: behind every known one."""

_BITS = 2**53  # A float has no more.
_MASK = 2**64 - 1
_ODD = 0x9E3779B97F4A7C15


def usable(candidates: tuple[Candidate, ...], remaining: Money | None) -> tuple[Candidate, ...]:
    """Those that work; of these, those that the money left can pay for. If it can pay for none, all that work:
    the refusal is then the limit's own, with its figures. Raises Unavailable if none works."""
    alive = tuple([c for c in candidates if c.working])
    if not alive:
        raise Unavailable("Every deployment of this model is failing at the moment.")
    if remaining is None:
        return alive
    return tuple([c for c in alive if c.cost_worst is None or c.cost_worst <= remaining]) or alive


def at_least(candidates: tuple[Candidate, ...], tier: str) -> tuple[Candidate, ...]:
    """Those of this tier and above; all where there is none: then nothing better was asked for."""
    allowed = TIERS[: TIERS.index(tier) + 1]
    return tuple([c for c in candidates if c.tier in allowed]) or candidates


def cost(candidate: Candidate) -> Money:
    """The likely cost, with an unknown one behind all others."""
    return candidate.cost_likely if candidate.cost_likely is not None else UNKNOWN_LAST


def up_first(wanted: str) -> dict[str, int]:
    """The place of each tier: the wanted one, then the dearer ones, the next first; cheaper ones only as a last
    resort."""
    there = TIERS.index(wanted)
    return {tier: there - here if here <= there else len(TIERS) + here for here, tier in enumerate(TIERS)}


def down_first(wanted: str) -> dict[str, int]:
    """The place of each tier: the wanted one, then the cheaper ones, the next first; dearer ones only as a last
    resort."""
    there = TIERS.index(wanted)
    return {tier: here - there if here >= there else len(TIERS) + there - here for here, tier in enumerate(TIERS)}


def taken(first: Candidate, wanted: str) -> str:
    """The tier of the first choice as text for a reason, where another was wanted."""
    return wanted if first.tier == wanted else f"{first.tier} for want of {wanted}"


def coin(text: str) -> float:
    """A number from 0 to 1 that looks random and is the same for the same text, in every process."""
    return _bits(text) / _BITS


def draws(request: Request) -> Callable[[str], float]:
    """From a name to a number from 0 to 1. All calls of a conversation draw the same for one name, so that it stays
    where its prompt is cached, whichever replica decides and whoever else comes and goes (rendezvous hashing, Thaler
    and Ravishankar 1998)."""
    own = _bits(request.facts.session or request.id) * _ODD

    def draw(name: str) -> float:
        mixed = (own + _bits(name)) & _MASK  # And then as splitmix64 does it.
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _MASK
        return ((mixed ^ (mixed >> 31)) >> 11) / _BITS

    return draw


def toss(request: Request, candidate: Candidate) -> float:
    """The number that this call draws for one candidate. For many of them, `draws` is quicker."""
    return draws(request)(candidate.name)


def explored(request: Request, share: float, among: Sequence[Candidate]) -> Candidate | None:
    """Which of these the call tries, if it is one of the share of calls, or conversations, that try any: what was once
    slow would else never be seen to have become better."""
    draw = draws(request)
    if not among or draw("explore") >= share:
        return None
    return min(among, key=lambda c: (draw(c.name), c.name))


@lru_cache(maxsize=4096)
def _bits(text: str) -> int:
    """Names come again with every call, and are hashed once."""
    return int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "big") >> 3


def dollars(candidate: Candidate) -> str:
    """The likely cost as text for a reason."""
    return "an unknown price" if candidate.cost_likely is None else str(candidate.cost_likely)
