"""Where requests wait for their turn, so that more of them than can be carried harm nobody but whoever sends them.

A few are let in at every turn of the event loop, in turn between keys: so a turn stays short, whatever comes, and what
comes too quickly waits here, where it costs next to nothing. Once the oldest of a key has waited too long, what else
that key sends is turned away before anything of it is read or held: it sends too much, or all together do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from gateway.core.errors import Overloaded
from gateway.front.exchange import Exchange

AT_ONCE = 4
"""Let in at one turn of the event loop. A small call costs it 0.2 ms, one of 50 KB a few times that."""

PATIENCE_S = 0.1
"""How long the oldest of a key may have waited before others are turned away."""

TURN_S_MAX = 0.01
"""What a turn counts for at most in that: where the loop stood still, nobody had to wait because of others."""

OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
"""What never waits: whoever looks after the gateway asks for it."""

CROWDED, FULL, LARGE = "crowded", "full", "large"
"""Why somebody is turned away: more comes than can be carried, too many are under way, or their bodies are too much to
keep."""


class Lane:
    """The requests of one key; or of all who have shown none that is known."""

    __slots__ = ("bytes_kept", "count", "key_id", "waiting")

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        self.count = 0  # Waiting or under way.
        self.bytes_kept = 0  # Of their bodies.
        self.waiting: deque[tuple[Guest, Exchange, float]] = deque()  # And since when, by the door's patience.


class Guest(Protocol):
    """Whoever has a request."""

    closed: bool  # Has left.

    def come_in(self, exchange: Exchange, lane: Lane | None) -> None:
        """It is its turn. At the end it tells the door that it has `left` the lane."""
        ...

    def answered(self, exchange: Exchange) -> None:
        """It was told that it will not be served."""
        ...


Decline = Callable[[Exchange, str], None]
"""Answers a request that is not served, for that reason."""


class Door:
    """See the module. `who` tells the id of the key that a request shows, as far as it is known. `places`: how many may
    be waiting or under way; `bytes_max`: how much of their bodies is kept at once. One key may have as much of both as
    is left, so that there is always some for others."""

    def __init__(self, who: Callable[[Exchange], str], decline: Decline, places: int, bytes_max: int) -> None:
        self._who = who
        self._decline = decline
        self._places = self._left = places
        self._bytes_left = bytes_max
        self._lanes: dict[str, Lane] = {}
        self._line: deque[Lane] = deque()  # Those in which somebody waits.
        self._let_in = 0  # At this turn.
        self._turning = False  # There will be another.
        self._patience = 0.0  # Passes as the clock does, but for turns that took long.
        self._turned = 0.0  # When that was.

    @property
    def inside(self) -> int:
        """How many are waiting or under way."""
        return self._places - self._left

    def knock(self, guest: Guest, exchange: Exchange) -> None:
        """Somebody has a request: it is let in or turned away, now or later."""
        if exchange.path in OPEN:
            guest.come_in(exchange, None)
            return
        key_id = self._who(exchange)
        lane = self._lanes.get(key_id) or Lane(key_id)
        if lane.count >= self._left:
            self._turn_away(guest, exchange, FULL)
        elif lane.waiting and self._patience - lane.waiting[0][2] > PATIENCE_S:
            self._turn_away(guest, exchange, CROWDED)
        else:
            self._lanes[key_id] = lane
            lane.count += 1
            self._left -= 1
            if self._line or self._let_in == AT_ONCE:
                self._wait(lane, guest, exchange)
            else:
                self._let_in += 1
                guest.come_in(exchange, lane)
            if not self._turning:
                self._turning = True
                asyncio.get_running_loop().call_soon(self._turn)

    def keep(self, lane: Lane | None, size: int, kept: int) -> None:
        """So many bytes of a body are to be kept, of which there is room for `kept` already. Raises Overloaded."""
        if lane is not None:
            if lane.bytes_kept - kept + size > self._bytes_left + kept:
                raise Overloaded
            lane.bytes_kept += size - kept
            self._bytes_left -= size - kept

    def left(self, lane: Lane | None, bytes_kept: int = 0) -> None:
        """What was let in has ended, and so much was kept of its body."""
        if lane is not None:
            lane.count -= 1
            lane.bytes_kept -= bytes_kept
            self._left += 1
            self._bytes_left += bytes_kept
            if not lane.count:
                del self._lanes[lane.key_id]

    def _turn_away(self, guest: Guest, exchange: Exchange, why: str) -> None:
        with suppress(ConnectionResetError):
            self._decline(exchange, why)
        guest.answered(exchange)

    def _wait(self, lane: Lane, guest: Guest, exchange: Exchange) -> None:
        if not self._line:
            self._turned = asyncio.get_running_loop().time()
        if not lane.waiting:
            self._line.append(lane)
        lane.waiting.append((guest, exchange, self._patience))

    def _turn(self) -> None:
        """Of the event loop: others are let in."""
        self._let_in = 0
        if self._line:
            now = asyncio.get_running_loop().time()
            self._patience += min(now - self._turned, TURN_S_MAX)
            self._turned = now
        while self._line and self._let_in < AT_ONCE:
            lane = self._line.popleft()
            guest, exchange, _ = lane.waiting.popleft()
            if lane.waiting:
                self._line.append(lane)
            if guest.closed:
                self.left(lane)
            else:
                self._let_in += 1
                guest.come_in(exchange, lane)
        self._turning = self._let_in > 0
        if self._turning:
            asyncio.get_running_loop().call_soon(self._turn)
