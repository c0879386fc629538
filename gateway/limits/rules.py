"""Which limits stand over a call. Pure: limits in, limits out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from gateway.core.caller import Caller
from gateway.core.limit import Limit, Tightening
from gateway.core.node import (
    Names,
    Place,
    breadth,
    covers,
    kind_of,
    names_of,
    nodes,
    part_of,
    parts,
    placed,
    rank,
    without_place,
)

Ruling = dict[tuple[str, str], Limit]
"""By node and by what is counted there: of two limits that count the same, the one that names the node rules."""

L = TypeVar("L", bound=Limit)

ByFirst = defaultdict[str, list[L]]

SpokenOf = Callable[[str], Collection[str]]
"""The nodes in question that a pattern speaks about."""


class Rules:
    """All limits, found by the first part of their node: there may be one for each of many thousand keys."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._given: ByFirst[Limit] = defaultdict(list)
        self._tightening: ByFirst[Tightening] = defaultdict(list)
        self._by_id: defaultdict[str, list[Limit]] = defaultdict(list)
        for limit in limits:
            self._by_id[limit.id].append(limit)
            first = parts(limit.node)[0]
            if isinstance(limit, Tightening):
                self._tightening[first].append(limit)
            else:
                self._given[first].append(limit)
        every = (limit for by_first in (self._given, self._tightening) for some in by_first.values() for limit in some)
        self._placed = tuple(limit for limit in every if placed(limit.node))

    @property
    def any_placed(self) -> bool:
        """Whether any limit depends on where a call goes."""
        return bool(self._placed)

    def over(self, caller: Caller, place: Place | None = None) -> list[tuple[str, Limit]]:
        """The limits of a call, each with its node, widest first."""
        names = names_of(caller, place)
        ruling = self._ruling(_firsts(names), lambda pattern: nodes(pattern, names))
        return sorted(((node, limit) for (node, _), limit in ruling.items()), key=lambda found: rank(found[0]))

    def placed_over(self, caller: Caller) -> list[Limit]:
        """Those that may stand over a call of this caller, depending on where it goes."""
        names = names_of(caller)
        return [limit for limit in self._placed if nodes(without_place(limit.node), names)]

    def at(self, node: str) -> Ruling:
        """What rules at one node."""
        first = parts(node)[0]
        return self._ruling((first, f"{kind_of(first)}:*"), lambda pattern: (node,) if covers(pattern, node) else ())

    def unlike(self, before: Rules) -> list[Limit]:
        """The limits that one of both has and the other has not, or has otherwise. All where they stand in another
        order: of two that are equally narrow the first rules."""
        ours, theirs = self._by_id, before._by_id
        in_order = [name for name in ours if name in theirs] == [name for name in theirs if name in ours]
        changed = [name for name in {**ours, **theirs} if not in_order or ours.get(name) != theirs.get(name)]
        return [limit for name in changed for limit in (*ours.get(name, ()), *theirs.get(name, ()))]

    def speak_of(self, node: str, counts: str) -> bool:
        """Whether any says how much of that this node may use."""
        first = parts(node)[0]
        return any(
            limit.counts == counts and covers(limit.node, node)
            for by_first in (self._given, self._tightening)
            for name in (first, f"{kind_of(first)}:*")
            for limit in by_first.get(name, ())
        )

    def _ruling(self, firsts: Collection[str], spoken_of: SpokenOf) -> Ruling:
        given = _narrowest(self._given, firsts, spoken_of)
        tightening = _narrowest(self._tightening, firsts, spoken_of)
        return {**given, **{key: _tightened(given.get(key), limit) for key, limit in tightening.items()}}


def _firsts(names: Names) -> Collection[str]:
    """What the nodes of limits over a call begin with."""
    known = [part_of(kind, name) for kind, found in names.own.items() for name in found]
    stars = [f"{kind}:*" for kind in names.own]
    return dict.fromkeys(["all", *known, *sorted(names.brought), *stars])


def _narrowest(limits: ByFirst[L], firsts: Collection[str], spoken_of: SpokenOf) -> dict[tuple[str, str], L]:
    ruling: dict[tuple[str, str], L] = {}
    for limit in (limit for first in firsts for limit in limits.get(first, ())):
        for node in spoken_of(limit.node):
            before = ruling.get((node, limit.counts))
            if before is None or breadth(limit.node) < breadth(before.node):
                ruling[node, limit.counts] = limit
    return ruling


def _tightened(given: Limit | None, limit: Tightening) -> Limit:
    if given is not None and breadth(given.node) < breadth(limit.node):
        return given
    return limit.within(given)
