"""Identical calls in flight: one asks the provider, the others listen in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gateway.cache.exact import ANSWER_BYTES_MAX
from gateway.core.entry import Entry

BEHIND_BYTES_MAX = 32 << 20
"""Of a long answer, what is kept for a listener that hears it slowly. Some pictures in a row have less."""


@dataclass(frozen=True, slots=True)
class Head:
    """How the answer begins."""

    content_type: str
    stream: bool


class Piece:
    """A piece of an answer. Whoever has heard it knows the next; so what all have heard is kept by nobody."""

    __slots__ = ("chunk", "end", "next")

    def __init__(self, chunk: bytes, end: int) -> None:
        self.chunk = chunk
        self.end = end  # Bytes of the answer up to here.
        self.next: Piece | None = None


class Flight:
    """One call that others may listen to. The leader feeds it; it keeps all pieces, unless they become too many."""

    def __init__(self, *, kept: bool = False) -> None:
        self.head: Head | None = None
        self.followers = 0
        self.kept = kept  # Somebody may come back for the answer: it is read to its end whoever leaves.
        self.cached = False  # It is one of `Flights`.
        self.key_id = ""  # Whose call it is, then.
        self.in_line = False  # It stands, or stood, in a line for room under its caller's limits.
        self.charged = False  # An attempt was booked, whatever it came to.
        self.over = False
        self.bought: Entry | None = None  # Set once the answer is whole and paid for.
        self._last = Piece(b"", 0)
        self.first: Piece | None = self._last  # Empty. None for what is too long to keep, joined late or given up.
        self._news: asyncio.Future[None] | None = None

    def stand_in_line(self) -> None:
        """It waits for room before it can be asked: callers whom its limits are not need not wait with it."""
        self.in_line = True
        self._stir()

    def begin(self, head: Head) -> None:
        """The provider has taken the call."""
        self.head = head
        self._stir()

    def add(self, chunk: bytes) -> None:
        """A piece of the answer, as the provider sent it."""
        piece = Piece(chunk, self._last.end + len(chunk))
        self._last.next, self._last = piece, piece
        if piece.end > ANSWER_BYTES_MAX:
            self.first = None
        self._stir()

    def give_up(self) -> None:
        """It will not be whole: nobody joins it any more."""
        self.first = None

    def end(self) -> None:
        """No more comes."""
        self.over = True
        self._stir()

    @property
    def failed(self) -> bool:
        """Whether it is over and was not whole, or not paid for."""
        return self.over and self.bought is None

    @property
    def body(self) -> bytes:
        """All that came, as long as it is kept."""
        parts, piece = [], self.first
        while piece is not None:
            parts.append(piece.chunk)
            piece = piece.next
        return b"".join(parts)

    async def begun(self, key_id: str | None = None) -> Head | None:
        """Wait for the answer to begin; None if it never does, or stands in a line that is not this key's."""
        while self.head is None and not self.over and not self._in_anothers_line(key_id):
            await self._wait()
        return self.head

    def _in_anothers_line(self, key_id: str | None) -> bool:
        return self.in_line and key_id is not None and key_id != self.key_id

    async def after(self, heard: Piece) -> Piece | None:
        """The piece that follows this one, waiting for it; None if there are no more."""
        while heard.next is None and not self.over:
            await self._wait()
        return heard.next

    def too_far_behind(self, heard: Piece) -> bool:
        """Whether so much came after this piece that it is not to be kept for whoever hears so slowly."""
        return self._last.end - heard.end > BEHIND_BYTES_MAX

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
        """The call that is asking the same right now, if its answer can be heard from the beginning."""
        flight = self._flights.get(asked)
        return None if flight is None or flight.first is None else flight

    def lead(self, asked: bytes, flight: Flight, key_id: str) -> None:
        """Ask it oneself; identical calls may listen from now on."""
        flight.cached, flight.key_id = True, key_id
        self._flights[asked] = flight

    def land(self, asked: bytes, flight: Flight) -> None:
        """The call is over, however it ended."""
        if self._flights.get(asked) is flight:
            del self._flights[asked]
        flight.end()
