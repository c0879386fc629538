"""The question most like another one, among many, without looking at all of them.

An entry that is alike by at least `floor` shares one of the features that make up the first part of the question: what
is left of a vector of length 1 once these are taken away is too short to reach it (Bayardo, Ma, Srikant: Scaling up all
pairs similarity search, WWW 2007, https://doi.org/10.1145/1242572.1242591). The rarest features come first, so few
entries are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.cache.lexical import Marks, Vector, similarity

CANDIDATES_MAX = 400
"""That are compared, at most. Of more, the rest are not found: questions that all have the same few words."""


class Asked(NamedTuple):
    """A question as it is compared."""

    vector: Vector
    marks: Marks


class Near(NamedTuple):
    """An earlier question, and how much it is like the new one."""

    name: bytes
    score: float


@dataclass
class Nearest:
    """Questions that differ in nothing but their text."""

    _asked: dict[bytes, Asked] = field(default_factory=dict)
    _having: dict[str, set[bytes]] = field(default_factory=dict)  # By feature.

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, name: bytes, asked: Asked) -> None:
        """Remember a question, in place of one of the same name."""
        self.drop(name)
        self._asked[name] = asked
        for feature in asked.vector:
            self._having.setdefault(feature, set()).add(name)

    def drop(self, name: bytes) -> None:
        """Forget it, if it is there."""
        asked = self._asked.pop(name, None)
        for feature in asked.vector if asked is not None else ():
            having = self._having[feature]
            having.discard(name)
            if not having:
                del self._having[feature]

    def find(self, asked: Asked, floor: float) -> Near | None:
        """The one most like it, if any is as much like it as that and agrees in its marks."""
        best: Near | None = None
        for name in self._candidates(asked.vector, floor):
            known = self._asked[name]
            if known.marks.agree(asked.marks):
                score = similarity(asked.vector, known.vector)
                if score >= floor and (best is None or (score, name) > (best.score, best.name)):
                    best = Near(name, score)
        return best

    def _candidates(self, vector: Vector, floor: float) -> list[bytes]:
        left, found = 1.0, dict[bytes, None]()
        having = [(self._having.get(feature, ()), weight) for feature, weight in vector.items()]
        for names, weight in sorted(having, key=lambda one: len(one[0])):
            if left < floor * floor or len(found) >= CANDIDATES_MAX:
                break
            found |= dict.fromkeys(names)
            left -= weight * weight
        return list(found)[:CANDIDATES_MAX]
