"""What a gateway learns from callers' feedback while it runs: how good answers are, and whether choosing by that pays.

What this process is told counts at once. Every minute all of it is worked out anew from the ratings in the ledger: so
what other workers and replicas were told counts, too, and a restart forgets nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.core.rating import NO_CLUSTER, Arm, Rating
from gateway.core.request import Request
from gateway.core.route import Candidate, Decision
from gateway.difficulty.guard import Guard, Terms, judged
from gateway.difficulty.posterior import HALF_LIFE_S, Posteriors

EVERY_S = 60.0
"""How often the ledger is read."""

REMEMBERED_S = 6 * HALF_LIFE_S
"""What was said before then has faded."""

log = logging.getLogger("fareway.routing")


class Predicting(Protocol):
    """What was learned from data, before any feedback. Both are asked for one request after the other."""

    def cluster(self, request: Request) -> int:
        """Which kind of prompt it is."""
        ...

    def chances(self, request: Request, candidates: Collection[Candidate]) -> Mapping[str, float]:
        """See `Predict`."""
        ...


class Learning:
    """See the module. `predicting`: what was learned before, from data; None for nothing. `terms`: the guard's; None
    for no guard."""

    def __init__(self, predicting: Predicting | None, terms: Terms | None, clock: Callable[[], float]) -> None:
        self._predicting = predicting
        self._terms = terms
        self._clock = clock
        self._learn([])

    def _learn(self, ratings: Sequence[Rating]) -> None:
        self._posteriors, guard = learned(ratings, self._terms, self._clock())
        self._heard = {rating.request_id for rating in ratings}
        self._known = _mark(ratings)
        self.guard = guard

    # For a decision.

    def cluster(self, request: Request) -> int:
        """Which kind of prompt it is."""
        return NO_CLUSTER if self._predicting is None else self._predicting.cluster(request)

    def predict(self, request: Request, candidates: Collection[Candidate]) -> Mapping[str, float]:
        """See `Predict`: what was predicted, as far as feedback agrees."""
        before = {} if self._predicting is None else self._predicting.chances(request, candidates)
        cluster, chance = self.cluster(request), self._posteriors.chance
        fading = self._posteriors.fading(self._clock())
        found = {c.name: chance(cluster, c.model, before.get(c.name), fading) for c in candidates}
        return {name: chance for name, chance in found.items() if chance is not None}

    def ruled(
        self, request: Request, candidates: Sequence[Candidate], decision: Decision, remaining: Money | None
    ) -> tuple[Decision, Arm]:
        """See `Guard.ruled`."""
        if self.guard is None:
            return decision, Arm.NONE
        return self.guard.ruled(request, candidates, decision, remaining)

    # From feedback.

    def hear(self, rating: Rating) -> None:
        """A caller has rated an answer. Another word on the same one counts with the next look at the ledger."""
        if rating.request_id in self._heard:
            return
        self._heard.add(rating.request_id)
        self._posteriors.learn(rating)
        if self.guard is not None:
            before = self.guard.on
            self.guard.hear(rating)
            self._tell(before)

    async def run(self, ratings: Callable[[float], Awaitable[list[Rating]]]) -> None:
        """Read what others were told, for ever. A ledger that does not answer is asked again."""
        while True:
            with suppress(Unavailable):  # Whoever writes there says it.
                await self.catch_up(ratings)
            await asyncio.sleep(EVERY_S)

    async def catch_up(self, ratings: Callable[[float], Awaitable[list[Rating]]]) -> None:
        """Work everything out anew, if there is anything new. Raises Unavailable."""
        found = await ratings(self._clock() - REMEMBERED_S)
        if _mark(found) == self._known:
            return
        before = self.guard is None or self.guard.on
        self._posteriors, self.guard = await asyncio.to_thread(learned, found, self._terms, self._clock())
        self._heard, self._known = {rating.request_id for rating in found}, _mark(found)
        self._tell(before)

    def _tell(self, before: bool) -> None:
        if self.guard is not None and self.guard.on != before:
            log.warning("The router is switched %s: %s", "on" if self.guard.on else "off", self.guard.verdict)


def learned(ratings: Sequence[Rating], terms: Terms | None, now: float) -> tuple[Posteriors, Guard | None]:
    """All that follows from these ratings, oldest first."""
    posteriors = Posteriors(now)
    for rating in ratings:
        posteriors.learn(rating)
    return posteriors, None if terms is None else judged(terms, ratings)


def _mark(ratings: Sequence[Rating]) -> tuple[int, float]:
    """Tells whether anything is new: a later word is younger than all before it."""
    return len(ratings), max((rating.at for rating in ratings), default=0.0)
