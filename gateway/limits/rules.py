"""Which limits stand over a call. Pure: limits in, limits out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from gateway.core.caller import Caller
from gateway.core.limit import Limit
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


class Rules:
    """All limits, found by the first part of their node: there may be one for each of many thousand keys."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._by_first: defaultdict[str, list[Limit]] = defaultdict(list)
        for limit in limits:
            self._by_first[parts(limit.node)[0]].append(limit)
        self._placed = tuple(limit for found in self._by_first.values() for limit in found if placed(limit.node))

    @property
    def any_placed(self) -> bool:
        """Whether any limit depends on where a call goes."""
        return bool(self._placed)

    def over(self, caller: Caller, place: Place | None = None) -> list[tuple[str, Limit]]:
        """The limits of a call, each with its node, widest first."""
        names = names_of(caller, place)
        ruling: Ruling = {}
        for limit in self._candidates(names):
            for node in nodes(limit.node, names):
                _rule(ruling, node, limit)
        return sorted(((node, limit) for (node, _), limit in ruling.items()), key=lambda found: rank(found[0]))

    def placed_over(self, caller: Caller) -> list[Limit]:
        """Those that may stand over a call of this caller, depending on where it goes."""
        names = names_of(caller)
        return [limit for limit in self._placed if nodes(without_place(limit.node), names)]

    def at(self, node: str) -> Ruling:
        """What rules at one node."""
        ruling: Ruling = {}
        first = parts(node)[0]
        for limit in (*self._by_first.get(first, ()), *self._by_first.get(f"{kind_of(first)}:*", ())):
            if covers(limit.node, node):
                _rule(ruling, node, limit)
        return ruling

    def _candidates(self, names: Names) -> Iterator[Limit]:
        known = [part_of(kind, name) for kind, found in names.own.items() for name in found]
        stars = [f"{kind}:*" for kind in names.own]
        for first in dict.fromkeys(["all", *known, *sorted(names.brought), *stars]):
            yield from self._by_first.get(first, ())


def _rule(ruling: Ruling, node: str, limit: Limit) -> None:
    before = ruling.get((node, limit.counts))
    if before is None or breadth(limit.node) < breadth(before.node):
        ruling[node, limit.counts] = limit
