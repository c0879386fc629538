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

    __slots__ = ("_header_timeout_s", "_impatience", "leaving_cancels")

    def __init__(self, server: web.Server, *, header_timeout_s: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._header_timeout_s = header_timeout_s
        self._impatience: asyncio.TimerHandle | None = None
        self.leaving_cancels = False  # Whether the handler is of no use once the caller is gone.

    def data_received(self, data: bytes) -> None:
        """Start the clock at the first byte of a head; stop it when the head is whole."""
        super().data_received(data)
        if not self._awaits_a_head:
            self._calm()
        elif self._impatience is None and data:
            self._impatience = self._loop.call_later(self._header_timeout_s, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the clock, and the handler where it would work for nobody."""
        self._calm()
        handler = self._task_handler if self.leaving_cancels else None
        super().connection_lost(exc)
        if handler is not None:
            handler.cancel()

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

    @property
    def _awaits_a_head(self) -> bool:
        """Whether no request is being answered or about to be. `start` waits then, unless it has yet to begin."""
        waiting = self._waiter is not None and not self._waiter.done()
        return waiting or self._request_count == 0

    def _calm(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None


class StrictServer(web.Server):
    """Makes such connections."""

    def __init__(self, handler: Handler, *, header_timeout_s: float) -> None:
        super().__init__(
            handler,
            handler_cancellation=False,  # A call that does not stream is charged in full: its handler goes on.
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
