"""One request of a caller, and the answer to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from gateway.core.errors import BadRequest, BodyTooLarge, UnsupportedEncoding
from gateway.front.head import answer_head

WRITE_S_MAX = 60.0
"""How long a caller may read nothing of what waits for it. Its call holds money and connections meanwhile."""

TOGETHER_BYTES_MAX = 64 << 10
"""A body up to this size is copied behind its head, so that both leave in one write."""

PART_BYTES_MIN = 1 << 10
"""Of a body that comes in smaller parts than this, several are kept as one: alone, each takes far more than it is."""

_BODILESS = {204, 304}


class Line(Protocol):
    """The connection, as an exchange uses it."""

    closed: bool

    full: bool  # The caller reads more slowly than we write.

    def origin(self, forwarded: str) -> str:
        """The caller's address, given X-Forwarded-For."""
        ...

    def keep(self, size: int, kept: int) -> None:
        """So many bytes of the body are to be kept, of which there is room for `kept` already. Raises Overloaded."""
        ...

    def read_on(self) -> None:
        """More of the request is wanted than came with its head."""
        ...

    def send(self, data: bytes) -> None:
        """Write, or raise ConnectionResetError where the caller is gone."""
        ...

    async def drained(self) -> None:
        """Wait until it has caught up. Raises ConnectionResetError once it is gone."""
        ...


class Exchange:
    """See the module. Implements `gateway.journey.passage.Client` for the answer."""

    __slots__ = (
        "_bodiless",
        "_chunked",
        "_failure",
        "_line",
        "_parts",
        "_size",
        "_waiter",
        "begun",
        "ended",
        "headers",
        "http11",
        "keep_alive",
        "kept",
        "leaving_cancels",
        "method",
        "path",
        "query",
        "received",
    )

    def __init__(
        self, line: Line, method: str, path: str, query: str, headers: dict[str, str], *, http11: bool, keep_alive: bool
    ) -> None:
        self._line = line
        self.method = method
        self.path = path  # As it was sent.
        self.query = query
        self.headers = headers  # Names in lower case; what came twice is joined by commas.
        self.http11 = http11
        self.keep_alive = keep_alive  # Whether the connection is of use after it.
        self.received = False  # All of the request is here.
        self.begun = False  # The answer is.
        self.ended = False  # The answer is.
        self.leaving_cancels = False  # Whether the caller's leaving ends the task that answers.
        self._bodiless = method == "HEAD"  # The answer is.
        self._chunked = False
        self._parts: list[bytes | bytearray] = []  # The first is bytes: a body that came whole is not copied.
        self._size = 0
        self.kept = 0  # Of the body: how much there is room for.
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # The request.

    async def body(self, *, bytes_max: int, stall_s: float) -> bytes:
        """The whole body. Raises BodyTooLarge before more than `bytes_max` is kept, Overloaded where that is too much
        beside all others, and BadRequest if it stalls."""
        if "content-encoding" in self.headers and self.headers["content-encoding"].lower() != "identity":
            raise UnsupportedEncoding("Send the body uncompressed.")
        if not self.received:
            await self._rest(bytes_max, stall_s)
        if self._size > bytes_max:
            raise _too_large(bytes_max)
        self._keep(self._size)
        if len(self._parts) != 1:
            self._parts = [b"".join(self._parts)]  # Once in memory is enough.
        return bytes(self._parts[0])

    async def _rest(self, bytes_max: int, stall_s: float) -> None:
        if (length := int(self.headers.get("content-length", "0"))) > bytes_max:
            raise _too_large(bytes_max)
        self._keep(length)
        self._line.read_on()
        if self.http11 and self.headers.get("expect", "").lower() == "100-continue":  # As curl does with a megabyte.
            self._line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        loop = asyncio.get_running_loop()
        while not self.received and self._size <= bytes_max:
            if self._failure is not None:
                raise self._failure
            self._keep(self._size)
            self._waiter = loop.create_future()
            try:
                async with asyncio.timeout(stall_s):
                    await self._waiter
            except TimeoutError:
                raise BadRequest("The body did not arrive in time.") from None
            finally:
                self._waiter = None

    def _keep(self, size: int) -> None:
        if size > self.kept:
            self._line.keep(size, self.kept)
            self.kept = size

    def feed(self, part: bytes) -> None:
        """Some of the body came. What comes once the answer has begun is thrown away."""
        self._size += len(part)
        if not self.begun:
            self._take(part)
        self._wake()

    def _take(self, part: bytes) -> None:
        last = self._parts[-1] if self._parts else None
        if last is None or len(part) >= PART_BYTES_MIN:
            self._parts.append(part)
        elif isinstance(last, bytearray):
            last += part
        else:
            self._parts.append(bytearray(part))

    def end(self) -> None:
        """That was all of the body."""
        self.received = True
        self._wake()

    def fail(self, failure: Exception) -> None:
        """The rest of the body will not come."""
        self._failure = failure
        self.keep_alive = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def origin(self) -> str:
        """See `Client.origin`."""
        return self._line.origin(self.headers.get("x-forwarded-for", ""))

    # The answer.

    def may_leave(self) -> None:
        """See `Client.may_leave`."""
        if self._line.closed:
            raise ConnectionResetError("the caller has left")
        self.leaving_cancels = True

    def stays(self) -> None:
        """See `Client.stays`."""
        self.leaving_cancels = False

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """See `Client.start`."""
        self._bodiless = self._bodiless or status in _BODILESS
        self._chunked = self.http11 and not self._bodiless
        self.keep_alive = self.keep_alive and self.http11
        framing = "Transfer-Encoding: chunked\r\n" if self._chunked else ""
        self.begun = True
        self._line.send(answer_head(status, headers, framing + self._connection))

    async def write(self, chunk: bytes) -> None:
        """See `Client.write`."""
        if not self.offer(chunk):
            await self._line.drained()

    def offer(self, chunk: bytes) -> bool:
        """See `Client.offer`."""
        if chunk and not self._bodiless:
            self._line.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk)
        return not self._line.full

    async def keep_up(self) -> None:
        """See `Client.keep_up`."""
        if self._line.full:
            await self._line.drained()

    async def finish(self) -> None:
        """See `Client.finish`."""
        self.ended = True
        if self._chunked:
            self._line.send(b"0\r\n\r\n")
        if self._line.full:
            await self._line.drained()

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """See `Client.respond`."""
        self.say(status, headers, body)
        if self._line.full:
            await self._line.drained()

    def say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The same without waiting for a caller that reads slowly."""
        self.begun = self.ended = True
        framing = "" if status in _BODILESS else f"Content-Length: {len(body)}\r\n"
        head = answer_head(status, headers, framing + self._connection)
        if self.method == "HEAD" or not framing:
            self._line.send(head)
        elif len(body) <= TOGETHER_BYTES_MAX:
            self._line.send(head + body)
        else:
            self._line.send(head)
            self._line.send(body)

    @property
    def plain(self) -> bool:
        """Whether the answer needs no word on the connection, and may have a body."""
        return self.received and self.keep_alive and self.http11 and self.method != "HEAD"

    def say_all(self, answer: bytes) -> None:
        """An answer that was worded before, head and all, to a `plain` request."""
        self.begun = self.ended = True
        self._line.send(answer)

    @property
    def _connection(self) -> str:
        """What is said about the connection, where it is not understood by itself."""
        if not self.received:
            self.keep_alive = False  # What is still to come of the body would stand before the next request.
        if not self.keep_alive:
            return "Connection: close\r\n"
        return "" if self.http11 else "Connection: keep-alive\r\n"


def _too_large(bytes_max: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than the {bytes_max} bytes that this gateway takes (server.body_max).")
