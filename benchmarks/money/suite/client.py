"""A small, fast client: many callers at once, each over a connection of its own that it keeps."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import urlsplit

import httptools
from calls import Call

PATIENCE_S = 60.0


class _Line(asyncio.Protocol):
    """One connection; one call at a time."""

    def __init__(self) -> None:
        self.lost = False
        self._call: Call | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self, call: Call, head: bytes) -> asyncio.Future[None]:
        self._call, self._events, self._tail, self._retry_after = call, 0, b"", None
        self._parser = httptools.HttpResponseParser(self)
        self._done = asyncio.get_running_loop().create_future()
        body = call.encoded()
        call.sent = time.time()
        self.transport.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._done

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._retry_after = float(value)

    def on_headers_complete(self) -> None:
        self._call.status = self._parser.get_status_code()
        self._call.retry_after_s = self._retry_after

    def on_body(self, part: bytes) -> None:
        self._events += part.count(b"data: ")
        self._tail = (self._tail + part)[-600:]
        if self._call.leave_after is not None and self._events >= self._call.leave_after:
            self.transport.abort()
            self.lost = True
            self._end()

    def on_message_complete(self) -> None:
        self._call.cut = self._call.admitted and self._call.stream and not self._tail.endswith(b"[DONE]\n\n")
        self._call.cut |= b'"error"' in self._tail and self._call.admitted
        self._end()

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        if self._call is not None and not self._done.done():
            self._call.cut = self._call.admitted
            self._end()

    def _end(self) -> None:
        if not self._done.done():
            self._call.ended = time.time()
            self._done.set_result(None)


class Client:
    """Asks the replicas of one gateway."""

    def __init__(self, urls: list[str], headers: Mapping[str, Mapping[str, str]]) -> None:
        self._places = [(u.hostname, u.port) for u in map(urlsplit, urls)]
        self._heads = {tenant: _head(told) for tenant, told in headers.items()}
        self._idle: defaultdict[int, list[_Line]] = defaultdict(list)

    async def ask(self, call: Call) -> Call:
        """The call, with what became of it: never raises."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await self._line(call.replica)
                await line.ask(call, self._heads[call.tenant])
        except (OSError, TimeoutError):
            call.sent = call.sent or time.time()
            call.ended = time.time()
            return call
        if not line.lost:
            self._idle[call.replica].append(line)
        return call

    async def _line(self, replica: int) -> _Line:
        idle = self._idle[replica]
        while idle:
            line = idle.pop()
            if not line.lost:
                return line
        _, line = await asyncio.get_running_loop().create_connection(_Line, *self._places[replica])
        return line

    def close(self) -> None:
        for lines in self._idle.values():
            for line in lines:
                line.transport.close()


def _head(headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n{lines}".encode()
