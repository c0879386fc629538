"""Asking a call that has waited: the ordinary journey, with nobody at the other end but what keeps its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from gateway.core.caller import Key
from gateway.core.errors import GatewayError
from gateway.deferred.choosing import Offer, Way
from gateway.deferred.deadline import DEADLINE, NONE
from gateway.deferred.offers import with_flex
from gateway.deferred.record import Later
from gateway.dialects.spoken import DIALECTS
from gateway.journey.passage import Client
from gateway.journey.refused import ProviderRefused
from gateway.journey.understanding import Call
from gateway.tenants import Tenants, tagged
from gateway.upstream.headers import for_caller

Ask = Callable[[Call, Key, Client], Awaitable[None]]
"""The journey of a call, for a key that was identified."""


class Answer(NamedTuple):
    """What a caller gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Collected:
    """See `gateway.journey.passage.Client`: a caller that never leaves and always keeps up."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._parts: list[bytes] = []

    @property
    def answer(self) -> Answer:
        """All that was said."""
        return Answer(self._status, self._headers, b"".join(self._parts))

    def origin(self) -> str:
        """It was looked at when the call was taken."""
        return ""

    def may_leave(self) -> None:
        """It does not."""

    def stays(self) -> None:
        """It does."""

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin an answer."""
        self._status, self._headers = status, headers

    async def write(self, chunk: bytes) -> None:
        """A piece of it."""
        self._parts.append(chunk)

    def offer(self, chunk: bytes) -> bool:
        """A piece of it."""
        self._parts.append(chunk)
        return True

    async def keep_up(self) -> None:
        """It does."""

    async def finish(self) -> None:
        """That was all."""

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """All at once."""
        self._status, self._headers, self._parts = status, headers, [body]


@dataclass(frozen=True)
class Asking:
    """See the module."""

    ask: Ask
    tenants: Tenants
    clock: Callable[[], float]
    monotonic: Callable[[], float]

    def key(self, later: Later) -> Key:
        """The key that it came with. Raises Unauthorized once that is not good any more."""
        return tagged(self.tenants.key(later.caller.key_id, self.clock()), later.headers)

    def call(self, later: Later, body: bytes, offer: Offer | None = None) -> Call:
        """It, as it is asked now: at one provider alone where a way leads there."""
        asked = replace(later.asked, body=body)
        if offer is not None and offer.way is not Way.SYNC:
            asked = replace(asked, provider=offer.provider)
        if offer is not None and offer.way is Way.FLEX:
            asked = with_flex(asked)
        headers = {**later.headers, DEADLINE: NONE}
        dialect = DIALECTS[later.dialect]
        return Call(later.request_id, dialect, headers, asked, self.monotonic(), baseline_at=later.accepted)

    async def answer(self, later: Later, body: bytes, offer: Offer) -> Answer:
        """Ask. Raises GatewayError."""
        client = Collected()
        await self.ask(self.call(later, body, offer), self.key(later), client)
        return client.answer


def worded(error: GatewayError, later: Later) -> Answer:
    """An error as its caller would have got it."""
    if isinstance(error, ProviderRefused) and not error.reworded:
        return Answer(error.status, for_caller(error.headers), error.body)
    body = DIALECTS[later.dialect].error(error, later.id)
    return Answer(error.status, {"content-type": "application/json"}, body)
