"""The caller's end of one request, over aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import HttpVersion11, web

from gateway.core.errors import BadRequest, BodyTooLarge, UnsupportedEncoding
from gateway.front.connection import Connection

WRITE_S_MAX = 60.0
"""How long a caller may read nothing of what waits for it. Its call holds money and connections meanwhile."""


class HttpClient:
    """Implements `gateway.journey.relay.Client`."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.response: web.StreamResponse | None = None  # What was begun, if anything was.

    def may_leave(self) -> None:
        """See `Client.may_leave`."""
        connection = self._request.protocol
        assert isinstance(connection, Connection)
        connection.leaving_cancels = True

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """See `Client.start`."""
        self.response = web.StreamResponse(status=status, headers=headers)
        await self.response.prepare(self._request)

    async def write(self, chunk: bytes) -> None:
        """See `Client.write`."""
        assert self.response is not None
        try:
            async with asyncio.timeout(WRITE_S_MAX):
                await self.response.write(chunk)
        except TimeoutError:
            raise ConnectionResetError("the caller does not read") from None

    async def finish(self) -> None:
        """See `Client.finish`."""
        assert self.response is not None
        await self.response.write_eof()

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """See `Client.respond`."""
        self.response = web.Response(status=status, headers=headers, body=body)
        await self.response.prepare(self._request)
        await self.response.write_eof()

    def stay(self) -> None:
        """The call is over; the next one on this connection decides for itself."""
        if isinstance(connection := self._request.protocol, Connection):
            connection.leaving_cancels = False


async def read_body(request: web.BaseRequest, *, bytes_max: int, stall_s: float) -> bytes:
    """The whole body. Raises BodyTooLarge before more than `bytes_max` is read, and BadRequest if it stalls."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedEncoding("Send the body uncompressed.")
    if (request.content_length or 0) > bytes_max:
        raise _too_large(bytes_max)
    content = request.content
    if content.is_eof():  # All of it came with the head, as small bodies do.
        body = content.read_nowait()
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        return body
    await _invite(request)
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            async with asyncio.timeout(stall_s):
                part = await content.readany()
        except TimeoutError:
            raise BadRequest("The body did not arrive in time.") from None
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > bytes_max:
            raise _too_large(bytes_max)


async def _invite(request: web.BaseRequest) -> None:
    """Tell a caller to go on that asks before it sends its body, as curl does with one of a megabyte."""
    asks = request.headers.get("Expect", "").lower() == "100-continue"
    if asks and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # None of the answer is sent yet: it may still become an error.


def _too_large(bytes_max: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is larger than the {bytes_max} bytes that this gateway takes.")
