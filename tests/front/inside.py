"""The edge from the inside: a connection without a network, or a listener, in front of a handler of the test's own."""

from __future__ import annotations

import asyncio
import http.client
import io
import itertools
import json
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from gateway.core.errors import GatewayError
from gateway.front.connection import Connection
from gateway.front.door import Door
from gateway.front.exchange import Exchange
from gateway.front.listener import Listener

Handle = Callable[[Exchange], Awaitable[None]]
PATIENCE_S = 20
STILL = 12  # Rounds of the event loop in which nothing happened.
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: x\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def echo(exchange: Exchange) -> None:
    """Say what was asked."""
    try:
        body = await exchange.body(bytes_max=1 << 20, stall_s=60)
    except GatewayError as error:
        await exchange.respond(error.status, {}, error.code.encode())
    else:
        said = [exchange.method, exchange.path, body.decode("latin-1")]
        await exchange.respond(200, {"Content-Type": "application/json"}, json.dumps(said).encode())


def door(places: int = 1000, bytes_max: int = 1 << 30) -> Door:
    """One at which nobody is known, and which says why it lets nobody in."""
    return Door(
        lambda exchange: exchange.headers.get("key", ""),
        lambda exchange, why: exchange.say(503, {}, why.encode()),
        places,
        bytes_max,
    )


class Transport:
    """What a connection does to its transport."""

    def __init__(self):
        self.sent = bytearray()
        self.closed = ""
        self.ended = False
        self.reading = True
        self.unsent = 0

    def write(self, part):
        assert not self.ended, "nothing may follow an end"
        self.sent += part

    def writelines(self, parts):
        self.write(b"".join(parts))

    def write_eof(self):
        self.ended = True

    def is_closing(self):
        return bool(self.closed)

    def close(self):
        self.closed = self.closed or "closed"

    def abort(self):
        self.closed = self.closed or "aborted"

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def get_write_buffer_size(self):
        return self.unsent

    def set_write_buffer_limits(self, high):
        pass


class Caller:
    """One connection without a network. `whole`: the requests that were read to their end, `begun`: all of them."""

    def __init__(self, handle: Handle = echo, at: Door | None = None):
        self.begun, self.whole, self.lost = [], [], []
        self.transport = Transport()
        self._handle = handle
        self._coming = deque()
        loop = asyncio.get_running_loop()
        self.connection = Connection(loop, self._serve, door=at or door(), header_timeout_s=10, lost=self.lost.append)
        self.connection.connection_made(self.transport)

    def handle(self, handle: Handle):
        """From now on so."""
        self._handle = handle

    async def _serve(self, exchange):
        self.begun.append(exchange)
        await self._handle(exchange)
        if exchange.received:
            self.whole.append(exchange)

    async def say(self, raw: bytes, cuts=(), *, at_once=True):
        """These bytes, cut there. What comes while nothing is read waits; what comes after the end is lost."""
        edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(raw)}), len(raw)]
        for start, end in itertools.pairwise(edges):
            self._coming.append(raw[start:end])
            self._deliver()
            if not at_once:
                await asyncio.sleep(0)
        await self.settle()

    async def settle(self):
        """Until nothing moves any more, as far as it needs no time."""
        before, still = None, 0
        while still < STILL:
            await asyncio.sleep(0)
            self._deliver()
            now = (len(self.begun), len(self.whole), len(self.transport.sent), len(self._coming), len(self.lost))
            before, still = now, still + 1 if now == before else 0

    def _deliver(self):
        while self._coming and self.transport.reading and not self.transport.closed:
            self.connection.data_received(self._coming.popleft())
        if self.transport.closed:
            self.hang_up()

    def hang_up(self, error=None):
        self.transport.closed = self.transport.closed or "gone"
        if not self.connection.closed:
            self.connection.connection_lost(error)

    @property
    def answers(self):
        """Status, headers and body of each answer. The methods matter: HEAD has none."""
        return read_all(bytes(self.transport.sent), [e.method for e in self.begun])


def read_all(raw: bytes, methods: list[str]) -> list[tuple[int, dict[str, str], bytes]]:
    """All answers in these bytes, the date left out, as the standard library reads them."""
    rest, found = io.BytesIO(raw), []
    for method in itertools.chain(methods, itertools.repeat("GET")):
        if rest.tell() == len(raw):
            return found
        answer = http.client.HTTPResponse(Unclosed(rest), method=method)
        answer.begin()
        headers = {n.lower(): v for n, v in answer.getheaders() if n != "Date"}
        found.append((answer.status, headers, answer.read()))
    raise AssertionError


class Unclosed:
    """As a socket, for http.client, which would close it behind every answer."""

    def __init__(self, rest):
        self._rest = rest

    def makefile(self, mode):
        rest = self._rest

        class File(io.RawIOBase):
            def readable(self):
                return True

            def readline(self, size=-1):
                return rest.readline(size)

            def read(self, size=-1):
                return rest.read(size)

            def readinto(self, into):
                return rest.readinto(into)

        return File()


@contextmanager
def quiet() -> Iterator[None]:
    """Nobody logs a fault meanwhile, neither we nor the event loop."""
    said = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logs = [logging.getLogger("fareway.front"), logging.getLogger("asyncio")]
    for log in logs:
        log.addHandler(handler)
    try:
        yield
    finally:
        for log in logs:
            log.removeHandler(handler)
    assert not said, said


@asynccontextmanager
async def listening(handle: Handle = echo, header_timeout_s: float = 10) -> AsyncIterator[tuple[Listener, int]]:
    """A listener and its port."""
    listener = Listener(handle, door(), header_timeout_s=header_timeout_s)
    port = await listener.listen("127.0.0.1", 0)
    try:
        yield listener, port
    finally:
        await listener.close(0)


async def ask(port: int, raw: bytes) -> bytes:
    """All that comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()
    finally:
        writer.close()


async def eventually(true: Callable[[], object]) -> None:
    """Wait for it."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def statuses(raw: bytes) -> list[int]:
    """Of all answers in it, the word to go on left out. No body of an echo has an end of line."""
    return [int(n) for n in re.findall(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\nDate: ", raw)]
