"""The question most like another one, among many, without looking at all of them.

An entry that is alike by at least `floor` shares one of the features that make up the first part of the question: what
is left of a vector of length 1 once these are taken away is too short to reach it (Bayardo, Ma, Srikant: Scaling up all
pairs similarity search, WWW 2007, https://doi.org/10.1145/1242572.1242591). The rarest features come first, so few
entries are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from gateway.cache.lexical import Marks, Vector, similarity

CANDIDATES_MAX = 200
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
    _having: dict[tuple[object, ...], dict[str, dict[bytes, None]]] = field(default_factory=dict)  # By marks, feature.

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, name: bytes, asked: Asked) -> None:
        """Remember a question, in place of one of the same name."""
        self.drop(name)
        self._asked[name] = asked
        having = self._having.setdefault(asked.marks.fixed, {})
        for feature in asked.vector:
            having.setdefault(feature, {})[name] = None

    def drop(self, name: bytes) -> None:
        """Forget it, if it is there."""
        asked = self._asked.pop(name, None)
        if asked is None:
            return
        having = self._having[asked.marks.fixed]
        for feature in asked.vector:
            del having[feature][name]
            if not having[feature]:
                del having[feature]
        if not having:
            del self._having[asked.marks.fixed]

    def find(self, asked: Asked, floor: float) -> Near | None:
        """The one most like it, if any is as much like it as that and agrees in its marks."""
        best: Near | None = None
        for name in self._candidates(asked, floor):
            known = self._asked[name]
            if known.marks.agree(asked.marks):
                score = similarity(asked.vector, known.vector)
                if score >= floor and (best is None or (score, name) > (best.score, best.name)):
                    best = Near(name, score)
        return best

    def _candidates(self, asked: Asked, floor: float) -> Iterable[bytes]:
        having = self._having.get(asked.marks.fixed)
        if having is None:
            return ()
        left, found = 1.0, dict[bytes, None]()
        postings = [(having.get(feature, {}), weight) for feature, weight in asked.vector.items()]
        for names, weight in sorted(postings, key=_length):
            if left < floor * floor or len(found) >= CANDIDATES_MAX:
                break
            found |= dict.fromkeys(islice(reversed(names), CANDIDATES_MAX - len(found)))  # The newest.
            left -= weight * weight
        return found


def _length(posting: tuple[dict[bytes, None], float]) -> int:
    return len(posting[0])
