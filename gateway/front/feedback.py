"""`POST /v1/feedback`: how good an answer was, said by somebody who may see its call. The last word counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from gateway.core.caller import Key
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import BadRequest, NotFound
from gateway.core.money import Money
from gateway.core.rating import Rating
from gateway.telemetry.metrics import Metrics

PATH = "/v1/feedback"
BYTES_MAX = 4096

_GIVEN = frozenset({Outcome.OK, Outcome.CACHED, Outcome.HUNG_UP, Outcome.CUT, Outcome.STOPPED})
"""Outcomes of attempts whose answer, or a part of it, the caller was given."""


class Feedback(Struct, frozen=True, forbid_unknown_fields=True):
    """What the body says."""

    request_id: str
    score: float | bool  # From 0, useless, to 1, good.


class Thanks(Struct, frozen=True, tag_field="object", tag="fareway.feedback"):
    """What it is answered with: which answer that was."""

    request_id: str
    score: float
    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Ratings:
    """Where feedback goes. `find`: the entries of a request, by any worker. `keep` raises Unavailable."""

    find: Callable[[str], Awaitable[list[Entry]]]
    keep: Callable[[Rating], Awaitable[None]]
    hear: Callable[[Rating], None]  # Once it is kept.
    metrics: Metrics
    clock: Callable[[], float]

    async def take(self, body: bytes, key: Key) -> Thanks:
        """Keep what was said. Raises BadRequest, NotFound or Unavailable."""
        said = read(body)
        seen = [entry for entry in await self.find(said.request_id) if key.sees(entry.caller)]
        if not seen:
            raise NotFound("No such request, or it is not settled yet.")
        entries = [entry for entry in seen if entry.request_id == seen[-1].request_id]
        rating = rating_of(entries, float(said.score), self.clock())
        await self.keep(rating)
        self.hear(rating)
        self.metrics.count("fareway_feedback", rating.arm or "not compared")
        return Thanks(rating.request_id, rating.score, rating.provider, rating.model)


def read(body: bytes) -> Feedback:
    """The body, understood. Raises BadRequest."""
    try:
        said = msgspec.json.decode(body, type=Feedback)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body must be like {{'request_id': 'req_…', 'score': 0.5}}: {error}") from None
    if not 0 <= said.score <= 1:
        raise BadRequest("The score must be from 0 to 1, or true or false.", "score")
    return said


def rating_of(entries: Sequence[Entry], score: float, now: float) -> Rating:
    """The score of one request's answer: the last one that was given. Raises BadRequest if there was none."""
    given = [entry for entry in entries if entry.outcome in _GIVEN]
    if not given:
        raise BadRequest("This request was given no answer.", "request_id")
    entry = given[-1]
    return Rating(entry.request_id, now, score, entry.provider, entry.model, entry.cluster, entry.arm, _cost(entries))


def _cost(entries: Sequence[Entry]) -> Money | None:
    """Of all attempts, adjustments included."""
    adjusted = {entry.adjusts for entry in entries}
    if any(entry.cost.total is None and entry.id not in adjusted for entry in entries):
        return None
    return Money(sum(entry.cost.known.picos for entry in entries))
