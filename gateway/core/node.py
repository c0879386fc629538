"""Nodes: whom and what a limit may speak about.

Written as `all`, `team:research`, `key:*` (each key is a node of its own), or as several of these with spaces
between, where all must hold: `team:research model:gpt-5`. A space in a name is written `%20`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from msgspec import Struct

from gateway.core.caller import Caller

CALLER_KINDS = ("org", "team", "user", "key", "tag")
PLACE_KINDS = ("provider", "tier", "model")
KINDS = ("all", *CALLER_KINDS, *PLACE_KINDS)
"""Widest first."""


class Place(Struct, frozen=True, gc=False):
    """Where a call goes."""

    provider: str
    tier: str
    model: str  # As the deployment names it, without the provider.


class Names(Struct, frozen=True):
    """What a call is known by."""

    own: Mapping[str, tuple[str, ...]]  # Names by kind. A star stands for any of these.
    brought: frozenset[str] = (
        frozenset()
    )  # Nodes that the caller added by itself: heeded only where a limit names them.


def names_of(caller: Caller, place: Place | None = None) -> Names:
    """What a call of this caller is known by; without a place, before it is decided where it goes."""
    own: dict[str, tuple[str, ...]] = {
        "org": (caller.org,),
        "team": (caller.team,),
        "user": (caller.user,),
        "key": (caller.key_id,),
        "tag": caller.tags,
    }
    if place is not None:
        own |= {"provider": (place.provider,), "tier": (place.tier,), "model": (place.model,)}
    known = {kind: tuple(filter(None, names)) for kind, names in own.items()}
    return Names(known, frozenset(f"tag:{tag}" for tag in caller.brought_tags))


def nodes(pattern: str, names: Names) -> tuple[str, ...]:
    """The nodes of this pattern that the names belong to: several only where a call has several tags."""
    return tuple(" ".join(chosen) for chosen in product(*[_matching(part, names) for part in parts(pattern)]))


def parts(node: str) -> list[str]:
    """`team:research` and `model:gpt-5` of `team:research model:gpt-5`."""
    return node.split(" ")


def part_of(kind: str, name: str) -> str:
    """`team:research` of these two."""
    return f"{kind}:{name.replace(' ', '%20')}"


def kind_of(part: str) -> str:
    """`team` of `team:research`."""
    return part.partition(":")[0]


def placed(node: str) -> bool:
    """Whether it speaks about where a call goes."""
    return any(kind_of(part) in PLACE_KINDS for part in parts(node))


def without_place(node: str) -> str:
    """What it says about the caller."""
    return " ".join(part for part in parts(node) if kind_of(part) not in PLACE_KINDS) or "all"


def covers(pattern: str, node: str) -> bool:
    """Whether the pattern speaks about this node."""
    pairs = zip(parts(pattern), parts(node), strict=False)
    return len(parts(pattern)) == len(parts(node)) and all(_covers(said, part) for said, part in pairs)


def meeting(pattern: str, other: str) -> str | None:
    """What both patterns speak about, as a pattern; None where that is nothing."""
    pairs = list(zip(parts(pattern), parts(other), strict=False))
    if len(parts(pattern)) != len(parts(other)) or not all(_covers(a, b) or _covers(b, a) for a, b in pairs):
        return None
    return " ".join(b if _covers(a, b) else a for a, b in pairs)


def breadth(pattern: str) -> int:
    """How many names are left open. Of two patterns for one node the narrower one rules."""
    return sum(part.endswith(":*") for part in parts(pattern))


def rank(node: str) -> tuple[int, ...]:
    """For sorting, widest first."""
    return tuple(KINDS.index(kind_of(part)) for part in parts(node))


def _matching(part: str, names: Names) -> tuple[str, ...]:
    kind, _, name = part.partition(":")
    known = tuple(part_of(kind, one) for one in names.own.get(kind, ()))
    if name == "*":
        return known
    return (part,) if kind == "all" or part in known or part in names.brought else ()


def _covers(said: str, part: str) -> bool:
    return said == part or (said.endswith(":*") and kind_of(said) == kind_of(part))
