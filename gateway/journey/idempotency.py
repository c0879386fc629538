"""One Idempotency-Key, one charge: who comes again with the same key gets the answer of the first call, or is told
what became of it.

    first seen ─▶ claimed in the store ─▶ running ─▶ booked: ended, the answer kept here
                                              └────▶ nothing booked: free again

The claim stands in the store before anything is asked, and outlives us: another process finds it there. Answers are
kept in memory only. Nobody's key says anything about another tenant's.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from gateway.cache.exact import ExactCache, fingerprint
from gateway.cache.flights import Flight
from gateway.cache.found import Found
from gateway.core.caller import Key
from gateway.core.errors import (
    AlreadyAnswered,
    AskedBefore,
    BadRequest,
    IdempotencyKeyReused,
    Unavailable,
    Unresolved,
)
from gateway.dialects.multipart import boundary_of
from gateway.journey.question import Question
from gateway.stores.claims import Claim, Claims, State

HEADER = "idempotency-key"
KEY_CHARS_MAX = 255

ANSWERS_BYTES_MAX = 64 << 20
"""Answers kept for keys that come again. One that had to go is told by its request id."""

TOLD_EVERY_S = 1.0
"""How often a store is told again what it did not hear."""

DOUBTFUL_MAX = 10_000
"""Claims that a store may have taken without our hearing of it, and that are dropped once it answers. Of more, a key
stays taken until we start again, or for its day."""

_REFUSALS = {State.RUNNING: AskedBefore, State.ENDED: AlreadyAnswered, State.UNRESOLVED: Unresolved}


@dataclass(slots=True)
class Running:
    """A call of ours, until the store has heard how it ended."""

    claim: Claim
    flight: Flight = field(default_factory=lambda: Flight(kept=True))
    ours: bool = False  # The claim stands in the store.
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Idempotency:
    """See the module. `replica`: whose calls these are, should we die."""

    def __init__(self, claims: Claims, answers: ExactCache, replica: str, clock: Callable[[], float]) -> None:
        self._claims = claims
        self._answers = answers
        self._replica = replica
        self._clock = clock
        self._running: dict[str, Running] = {}
        self._untold: dict[str, tuple[str, Claim, State | None]] = {}  # By request id.

    @asynccontextmanager
    async def looking(self, said: str, key: Key, asked: Question) -> AsyncIterator[tuple[Found | None, Flight | None]]:
        """The answer that this key has already; else the flight to feed, which is remembered under it.

        Raises BadRequest, IdempotencyKeyReused, AskedBefore or Unavailable.
        """
        name, digest = _named(key.id, said), _digest(asked)
        found = await self._find(name, digest)
        if found is not None:
            yield found, None
            return
        running = self._running[name] = Running(Claim(digest, asked.request.id, self._replica))
        try:
            await self._claim(name, running)
            yield None, running.flight
        finally:
            await self._end(name, running)

    async def run(self) -> None:
        """Tell the store, for ever, what it did not hear at once."""
        while True:
            await asyncio.sleep(TOLD_EVERY_S)
            await self.tell()

    async def tell(self) -> None:
        """The same once."""
        for request_id in list(self._untold):
            if not await self._told(request_id):
                return

    async def _find(self, name: str, digest: str) -> Found | None:
        while (running := self._running.get(name)) is not None:
            claim = running.claim
            if claim.digest != digest:
                raise IdempotencyKeyReused(_REUSED, HEADER)
            if await running.flight.begun() is not None and not running.flight.failed:
                if running.flight.first is None:
                    raise AskedBefore(claim.request_id)
                return Found(running.flight, idempotent="joined", first=claim.request_id)
            await running.over.wait()  # It came to nothing. One of those who waited is the next to try.
        stored = self._answers.get(_answer(name, digest), self._clock())
        return None if stored is None else Found(stored, idempotent="replayed", first=stored.bought.request_id)

    async def _claim(self, name: str, running: Running) -> None:
        claim = running.claim
        try:
            stands = await self._claims.claim(name, claim)
        except BaseException:  # Whether it stands is not known.
            if len(self._untold) < DOUBTFUL_MAX:
                self._untold[claim.request_id] = (name, claim, None)
            raise
        if stands is None:
            running.ours = True
        elif stands.digest != claim.digest:
            raise IdempotencyKeyReused(_REUSED, HEADER)
        else:
            raise _REFUSALS[stands.state](stands.request_id)

    async def _end(self, name: str, running: Running) -> None:
        flight, claim = running.flight, running.claim
        if flight.bought is not None and flight.head is not None and flight.first is not None:
            found_by = _answer(name, claim.digest)
            self._answers.put(found_by, flight.head.content_type, flight.body, flight.bought, self._clock())
        if running.ours:
            self._untold[claim.request_id] = (name, claim, State.ENDED if flight.charged else None)
        flight.end()
        try:
            if running.ours:
                await self._told(claim.request_id)
        finally:
            del self._running[name]
            running.over.set()

    async def _told(self, request_id: str) -> bool:
        """Tell the store how a call ended. Returns whether it answers."""
        if (news := self._untold.get(request_id)) is not None:
            try:
                await self._claims.end(*news)
            except Unavailable:
                return False
            self._untold.pop(request_id, None)
        return True


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """What the header says. Raises BadRequest for what is no key."""
    said = headers.get(HEADER)
    if said is not None and not (said.isascii() and said.isprintable() and 0 < len(said) <= KEY_CHARS_MAX):
        raise BadRequest(f"Idempotency-Key must have 1 to {KEY_CHARS_MAX} printable ASCII characters", HEADER)
    return said


def _named(key_id: str, said: str) -> str:
    return hashlib.sha256(f"{len(key_id)}:{key_id}{said}".encode()).hexdigest()


def _digest(question: Question) -> str:
    """What was asked. A form that is sent again is put between other boundaries."""
    asked = question.asked
    if boundary := boundary_of(asked.content_type):
        asked = replace(asked, body=asked.body.replace(boundary, b""), content_type="multipart")
    return fingerprint("", question.dialect.name, asked).hex()


def _answer(name: str, digest: str) -> bytes:
    return bytes.fromhex(name + digest)


_REUSED = "This Idempotency-Key was used for another request. Use a new one for each."
