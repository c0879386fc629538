"""One connection of the HTTP server, stricter than aiohttp's own: headers must come in time, and what
is wrong with them is answered as JSON that repeats none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from gateway.core.errors import BadRequest, GatewayError
from gateway.dialects.openai_errors import error_body

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

HEADER_BYTES_MAX = 16_384
"""Of one header line; common servers allow 8 to 16 KiB."""

IDLE_S = 75.0
"""How long a connection may wait for its next call. nginx has the same."""


class Connection(web.RequestHandler):
    """Closes if the head of a request is begun and not finished within `header_timeout_s`: a slowloris."""

    __slots__ = ("_header_timeout_s", "_heads_seen", "_impatience")

    def __init__(self, server: web.Server, *, header_timeout_s: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._header_timeout_s = header_timeout_s
        self._impatience: asyncio.TimerHandle | None = None
        self._heads_seen = 0

    def data_received(self, data: bytes) -> None:
        """Start the clock at the first byte of a head; stop it when the head is whole."""
        super().data_received(data)
        whole = self._request_count > self._heads_seen
        self._heads_seen = self._request_count
        if whole or self._current_request is not None or self._messages:
            self._calm()
        elif self._impatience is None and data:
            self._impatience = self._loop.call_later(self._header_timeout_s, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clock."""
        self._calm()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the input
    ) -> web.StreamResponse:
        """What cannot be parsed, and bugs: an error without a word of the input or the cause."""
        if isinstance(exc, ConnectionError):  # The caller is gone, or an answer that has begun is broken off.
            raise exc
        error: GatewayError = GatewayError("Something went wrong in the gateway.")
        if status < 500:
            error = BadRequest("The request is not valid HTTP, or its headers are too large.")
        elif exc is not None:
            self.log_exception("unhandled error: %s", type(exc).__name__, exc_info=exc)
        response = web.Response(status=status, body=error_body(error, ""), content_type="application/json")
        response.force_close()
        return response

    def _calm(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None


class StrictServer(web.Server):
    """Makes such connections. A caller that leaves cancels its handler."""

    def __init__(self, handler: Handler, *, header_timeout_s: float) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,  # A small compressed body can hold a huge one.
            keepalive_timeout=IDLE_S,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        )
        self._header_timeout_s = header_timeout_s

    def __call__(self) -> web.RequestHandler:
        """A connection for the event loop."""
        return Connection(self, loop=self._loop, header_timeout_s=self._header_timeout_s, **self._kwargs)
