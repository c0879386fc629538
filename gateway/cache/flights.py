"""Identical calls in flight: one asks the provider, the others listen in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway.core.entry import Entry


@dataclass(frozen=True, slots=True)
class Head:
    """How the answer begins."""

    content_type: str
    stream: bool


class Flight:
    """One call that others may listen to. The leader feeds it; it keeps all chunks until the last listener left."""

    def __init__(self, *, kept: bool = False) -> None:
        self.head: Head | None = None
        self.followers = 0
        self.kept = kept  # Somebody may come back for the answer: it is read to its end whoever leaves.
        self.cached = False  # It is one of `Flights`.
        self.charged = False  # An attempt was booked, whatever it came to.
        self.over = False
        self.bought: Entry | None = None  # Set once the answer is whole and paid for.
        self._chunks: list[bytes] = []
        self._news: asyncio.Future[None] | None = None

    def begin(self, head: Head) -> None:
        """The provider has taken the call."""
        self.head = head
        self._stir()

    def add(self, chunk: bytes) -> None:
        """A piece of the answer, as the provider sent it."""
        self._chunks.append(chunk)
        self._stir()

    def end(self) -> None:
        """No more comes."""
        self.over = True
        self._stir()

    @property
    def body(self) -> bytes:
        """All that came."""
        return b"".join(self._chunks)

    async def begun(self) -> Head | None:
        """Wait for the answer to begin; None if it never does."""
        while self.head is None and not self.over:
            await self._wait()
        return self.head

    async def chunk(self, number: int) -> bytes | None:
        """The piece of that number, counted from 0, waiting for it; None if there are no more."""
        while number >= len(self._chunks):
            if self.over:
                return None
            await self._wait()
        return self._chunks[number]

    async def _wait(self) -> None:
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._news)  # One listener that leaves must not take the news from the others.

    def _stir(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)


class Flights:
    """All joinable calls, by question."""

    def __init__(self) -> None:
        self._flights: dict[bytes, Flight] = {}

    def find(self, asked: bytes) -> Flight | None:
        """The call that is asking the same right now."""
        return self._flights.get(asked)

    def lead(self, asked: bytes, flight: Flight) -> None:
        """Ask it oneself; identical calls may listen from now on."""
        flight.cached = True
        self._flights[asked] = flight

    def land(self, asked: bytes, flight: Flight) -> None:
        """The call is over, however it ended."""
        if self._flights.get(asked) is flight:
            del self._flights[asked]
        flight.end()
