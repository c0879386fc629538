"""One connection of a caller (HTTP/1.1, RFC 9112): one request at a time, in order.

Whatever does not fit the framing is answered once, as JSON that repeats none of it, and ends the
connection: nobody in front of us may read the bytes in another way than we do.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import cast

from gateway.core.errors import BadRequest, GatewayError
from gateway.dialects.openai_errors import error_body
from gateway.front.door import Door, Lane
from gateway.front.exchange import WRITE_S_MAX, Exchange
from gateway.front.forwarded import origin
from gateway.front.framing import Framing
from gateway.front.head import NotHttp

IDLE_S = 75.0
"""How long a connection may wait for its next request. nginx has the same."""

LAST_S = 0.5
"""The same for one that could not be told that no more is wanted: its answer had begun, or none was given yet. A caller
that has just read the end of a stream may have sent its next request already."""

LINGER_S = 2.0
"""How long we listen, after refusing a request of which more was on its way, so that the refusal is heard: closing
at once would reset the connection under it."""

WRITE_BYTES_MAX = 16 << 10
"""What may wait to be sent to a caller before we wait for it: here, and as much again in the kernel (`Listener`)."""

WAITING_MAX = 100
"""How many requests may wait for their turn. One segment from the network may hold ten thousand."""

Handle = Callable[[Exchange], Awaitable[None]]

log = logging.getLogger("fareway.front")


class Connection(asyncio.Protocol):
    """See the module. `deadline` is for whoever sweeps: past it, on the loop's clock, it has been idle for too long, or
    a head or an end did not come in time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handle: Handle,
        *,
        door: Door,
        header_timeout_s: float,
        trusted_proxies: tuple[str, ...] = (),
        lost: Callable[[Connection], None],
    ) -> None:  # `lost` hears when the caller is gone and nobody works for it any more.
        self._loop = loop
        self._handle = handle
        self._door = door
        self._header_timeout_s = header_timeout_s
        self._trusted_proxies = trusted_proxies
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._framing = Framing(self, self._begun)
        self._waiting: deque[Exchange] = deque()
        self._answering: Exchange | None = None
        self._lane: Lane | None = None  # In which it came in.
        self._outside = False  # It has not knocked.
        self.task: asyncio.Task[None] | None = None  # Answers.
        self._malformed = False  # What came last is no HTTP: no more is read.
        self._lingering = False
        self._paused = False
        self.full = False
        self._drained: asyncio.Future[None] | None = None
        self.leaving = False  # No more requests are wanted.
        self.closed = False
        self._idle_since = 0.0  # When it was taken, or last answered.
        self.deadline = inf

    # What its exchanges do with it.

    def origin(self, forwarded: str) -> str:
        """See `Line.origin`."""
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return origin(peer[0] if peer else "", forwarded, self._trusted_proxies)

    def keep(self, size: int, kept: int) -> None:
        """See `Line.keep`."""
        self._door.keep(self._lane, size, kept)

    def read_on(self) -> None:
        """See `Line.read_on`."""
        if self._paused and not self._waiting and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def send(self, data: bytes) -> None:
        """See `Line.send`."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the caller has left")
        self._transport.write(data)

    async def drained(self) -> None:
        """See `Line.drained`."""
        self._drained = drained = self._loop.create_future()
        unsent = inf
        try:
            while self._transport is not None and not drained.done():
                if (left := self._transport.get_write_buffer_size()) >= unsent:
                    self.abort()
                    raise ConnectionResetError("the caller does not read")
                unsent = left
                await asyncio.wait([drained], timeout=WRITE_S_MAX)
        finally:
            self._drained = None
        if self._transport is None:
            raise ConnectionResetError("the caller has left")

    # What the listener does with it.

    def last(self) -> None:
        """Say with the next answer that it is the last."""
        self.leaving = True
        if self._answering is not None and not self._answering.begun:
            self._answering.keep_alive = False

    def leave(self) -> None:
        """End it after what is being answered, or has been idle for a while; else after one more request."""
        self.last()
        if self._answering is None and self._transport is not None and not self._framing.amid:
            self.deadline = min(self.deadline, self._idle_since + LAST_S)
            if self.deadline <= self._loop.time():
                self._transport.close()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name.
        self._transport.set_write_buffer_limits(high=WRITE_BYTES_MAX)
        self._idle_since = self._loop.time()
        self.deadline = self._idle_since + IDLE_S

    def data_received(self, data: bytes) -> None:
        """Bytes came: the rest of a body, the next request, or several."""
        if self._malformed or self._lingering:
            return
        if self._answering is None and not self._framing.amid:
            self.deadline = self._loop.time() + self._header_timeout_s
        try:
            self._framing.feed(data)
        except NotHttp:
            self._refuse()
        if self._outside:
            self._knock()
        if self._waiting:
            self._pause()  # What came is enough until it is answered.

    def pause_writing(self) -> None:
        """The caller reads more slowly than we write."""
        self.full = True

    def resume_writing(self) -> None:
        """It has caught up."""
        self.full = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def connection_lost(self, _: BaseException | None) -> None:
        """The caller is gone. Whoever works for it alone may stop."""
        self.closed, self._transport, self.deadline = True, None, inf
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._framing.receiving is not None:
            self._framing.receiving.fail(ConnectionResetError("the caller has left"))
        self._waiting.clear()
        if self._answering is not None and self._answering.leaving_cancels and self.task is not None:
            self.task.cancel()
        del self._framing  # Which holds this connection in turn.
        if self.task is None:
            self._lost(self)

    # What follows from it.

    def _begun(self, exchange: Exchange) -> None:
        """The head of a request is here."""
        if self._answering is None:
            self._answer(exchange)
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(exchange)
        else:
            raise NotHttp

    def _answer(self, exchange: Exchange) -> None:
        if self.leaving:
            exchange.keep_alive = False
        self._answering, self.deadline, self._outside = exchange, inf, True

    def _knock(self) -> None:
        """At the door, with all that came of the request."""
        self._outside, exchange = False, self._answering
        assert exchange is not None
        self._door.knock(self, exchange)
        if self._answering is exchange and not exchange.received:
            self._pause()  # No more is taken from anybody who waits, nor before somebody wants it.

    def come_in(self, exchange: Exchange, lane: Lane | None) -> None:
        """See `Guest`."""
        self._lane = lane
        self.task = self._loop.create_task(self._serve(exchange))
        if exchange.received:
            self.read_on()

    async def _serve(self, exchange: Exchange) -> None:
        try:
            await self._handle(exchange)
        except ConnectionError:  # The caller is gone, or an answer that has begun is broken off.
            self.abort()
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception:
            log.exception("unhandled error")
            if exchange.begun or self.closed:
                self.abort()
            else:
                self._say(exchange, 500, GatewayError("Something went wrong in the gateway."))
        finally:
            self.answered(exchange)

    def answered(self, exchange: Exchange) -> None:
        """On to the next, or to the end."""
        self._door.left(self._lane, exchange.kept)
        self._answering = self.task = self._lane = None
        transport = self._transport
        if transport is None:
            self._lost(self)
            return
        self._idle_since = self._loop.time()
        self.deadline = self._idle_since + WRITE_S_MAX  # For what is still to be read before it closes.
        if transport.is_closing():
            return
        if not exchange.ended:
            transport.abort()
        elif not exchange.received:
            self._linger()
        elif not exchange.keep_alive:
            transport.close()
        elif self._waiting:
            self._answer(self._waiting.popleft())
            self.read_on()
            self._knock()
        elif self._malformed:
            self._refuse()
        else:
            idle_s = LAST_S if self.leaving else IDLE_S
            self.deadline = self._idle_since + (self._header_timeout_s if self._framing.amid else idle_s)

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _refuse(self) -> None:
        """What came is no HTTP. Whatever came before it is answered first."""
        self._malformed = True
        if self._framing.receiving is not None:  # Its own body is at fault.
            self._framing.receiving.fail(BadRequest(_NOT_HTTP))
            self._framing.receiving = None
        elif self._answering is None:
            self._say(Exchange(self, "", "", "", {}, http11=True, keep_alive=False), 400, BadRequest(_NOT_HTTP))
            self._linger()

    def _say(self, exchange: Exchange, status: int, error: GatewayError) -> None:
        """A last word, as JSON."""
        exchange.keep_alive = False
        with suppress(ConnectionResetError):
            exchange.say(status, {"Content-Type": "application/json"}, error_body(error, ""))

    def _linger(self) -> None:
        """Say that this is the end, and wait for the caller to see it."""
        self._lingering, transport = True, self._transport
        self._waiting.clear()
        self.read_on()
        if transport is not None and not transport.is_closing():
            self.deadline = self._loop.time() + (WRITE_S_MAX if transport.get_write_buffer_size() else LINGER_S)
            with suppress(OSError):  # asyncio's own raises where the caller has just reset it.
                transport.write_eof()


_NOT_HTTP = "The request is not valid HTTP, its headers are too large, or too many requests came at once."
