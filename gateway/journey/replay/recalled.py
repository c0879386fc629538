"""What is known of answers without a prompt: what callers have said, by the kind that the prompt was taken for.

The kind stands in the entry where a policy predicted success then. What the difficulty model would have said of the
prompt beside it, nobody knows any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from gateway.core.entry import Entry
from gateway.core.rating import NO_CLUSTER, Rating
from gateway.core.request import Request
from gateway.core.route import Candidate
from gateway.journey.learning import Learning
from gateway.journey.replay.timeline import Timeline


class Recalled:
    """See `gateway.journey.learning.Predicting`. One call after the other."""

    def __init__(self) -> None:
        self._cluster = NO_CLUSTER

    def see(self, entry: Entry) -> None:
        """This call is decided on now."""
        self._cluster = entry.cluster

    def cluster(self, request: Request) -> int:
        """Which kind of prompt it was taken for."""
        del request
        return self._cluster

    def chances(self, request: Request, candidates: Collection[Candidate]) -> Mapping[str, float]:
        """Of none of them."""
        del request, candidates
        return {}


def heard(recalled: Recalled, ratings: Iterable[Rating], timeline: Timeline) -> Learning:
    """What callers say counts from the moment on at which they said it. Nobody guards: each call is decided on as the
    policy says."""
    learning = Learning(recalled, None, timeline.clock)
    for rating in ratings:
        timeline.at(rating.at, partial(learning.hear, rating))
    return learning
