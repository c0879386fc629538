"""One HTTP/1.1 connection to a provider (RFC 9112): one call at a time, framing by llhttp, and no second chances.

Whatever does not fit the framing ends the connection, so that no byte of one answer is ever taken for another's.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable, Mapping
from math import inf
from typing import cast

import httptools

from gateway.core.address import link_local
from gateway.upstream.answer import Answer, Patience
from gateway.upstream.errors import Lost, Unreached

HEAD_BYTES_MAX = 64 << 10
"""Bytes in a row that bring nothing of a body: heads, interim answers, trailers, chunk extensions. Common servers
send a few hundred; 8 to 64 KiB is what clients and proxies take."""

LARGE_BODY_BYTES = 16 << 10
"""A question of more may not have left whole when its answer comes. TLS does not tell how much of it is unsent."""

READ_BYTES = 16 << 10
"""At most so much is read at once, however much has come: else one read from full buffers is 256 KiB, for each of many
streams whose callers are slow."""

_TLS_READ_BYTES = 256 << 10
_NO_BODY = {204, 304}
_LEFT_BY_PEER = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Connection(asyncio.BufferedProtocol):
    """See the module. `freed` hears when it can take another call, and what the provider says about keeping it. `room`
    is where bytes are read to, and of no more use once they have been: connections of one event loop share it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        room: memoryview,
        freed: Callable[[Connection, float, str | None], None],
    ) -> None:
        self._loop = loop
        self._room = room
        self._freed = freed
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._input = select.poll()  # Sees an end that the event loop has not come to yet.
        self._answer: Answer | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._barren = 0  # Bytes since something of a body came.
        self._ends_by_closing = False
        self._large = False  # The question was.
        self._complete = False  # The answer is.
        self._keeps = False  # The provider keeps the connection open after it.
        self._surplus = False  # More came than the answer.
        self._timer: asyncio.TimerHandle | None = None  # For whichever answer it finds: most need none of their own.
        self.due = inf
        self.ended: asyncio.Future[None] = loop.create_future()
        self.tls: ssl.SSLObject | None = None
        self.since = loop.time()  # When it was made.
        self.idle_until = self.since

    # What the pool and the wire do with it.

    def ask(self, head: bytes, body: bytes, patience: Patience) -> Answer:
        """Send one call. The answer is complete, failed, or closed before the next may be sent.

        Raises Unreached if the connection was closed as soon as it was made.
        """
        if self._transport is None or self._transport.is_closing():
            raise Unreached("The provider closed the connection before anything was asked.")
        assert self._answer is None, "one call at a time"
        answer = self._answer = Answer(self._loop, self, patience)
        self._barren, self._complete, self._surplus = 0, False, False
        self._ends_by_closing, self._large = False, len(body) > LARGE_BODY_BYTES
        self._transport.writelines((head, body))
        return answer

    @property
    def usable(self) -> bool:
        """Whether a call can be sent: it is open, and the provider has neither closed it nor said anything unasked."""
        if self._transport is None or self._transport.is_closing():
            return False
        return self._loop.time() < self.idle_until and not self._input.poll(0)

    @property
    def left_by_peer(self) -> bool:
        """Whether the provider ended it as soon as it was open. Input alone says nothing: TLS may have sent tickets."""
        return self._transport is None or any(events & _LEFT_BY_PEER for _, events in self._input.poll(0))

    @property
    def at_link(self) -> bool:
        """Whether its other end is at an address of the link. One that has just gone is not."""
        there = self._transport.get_extra_info("peername") if self._transport is not None else None
        return there is not None and link_local(there[0])

    def close(self) -> None:
        """End an idle connection in order."""
        if self._transport is not None:
            self._transport.close()

    # What an answer does with it.

    def pause(self) -> None:
        """See `Source.pause`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """See `Source.resume`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def abort(self) -> None:
        """See `Source.abort`."""
        if self._transport is not None:
            self._transport.abort()

    def watch(self, due: float) -> None:
        """See `Source.watch`."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.due = self._loop.call_at(due, self._look), due

    def _look(self) -> None:
        self._timer, self.due = None, inf
        if self._answer is not None:
            self._answer.look()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open, its TLS included."""
        self.tls = transport.get_extra_info("ssl_object")
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name.
        self._input.register(transport.get_extra_info("socket").fileno(), select.POLLIN | _LEFT_BY_PEER)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        del sizehint
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """They came."""
        self.data_received(bytes(self._room[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Bytes came. Without a call they are nobody's answer."""
        answer = self._answer
        if answer is None:
            self.abort()
            return
        self._barren += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):  # Nobody asked for an upgrade.
            self._surplus = True
        if not self._barren:
            answer.flush()
        if self._complete:
            self._finish(answer)
        elif self._surplus or self._barren > HEAD_BYTES_MAX:
            self._answer = None
            answer.fail(Lost("The provider's answer is not valid HTTP."))
            self.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has ended. An answer of unknown length is whole then, if the provider said so; any other is not."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        ended_in_order = exc is None and self._hear_the_rest()
        answer, self._answer = self._answer, None
        del self._parser  # Which holds this connection in turn.
        self.ended.set_result(None)
        if answer is None:
            return
        if self._ends_by_closing and ended_in_order:
            answer.end()
        elif answer.status:
            answer.fail(Lost("The provider's answer broke off."))
        else:
            answer.fail(Lost("The connection to the provider broke before an answer came."))

    def _hear_the_rest(self) -> bool:
        """What TLS had taken in and not given out, because the reader was slow: uvloop leaves it behind.

        Returns whether the provider itself said that this was the end, which TLS knows (RFC 9112, section 9.8).
        """
        if self.tls is None:
            return True
        try:
            while self._answer is not None and not self._answer.over and (part := self.tls.read(_TLS_READ_BYTES)):
                self.data_received(part)
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLError:  # It would wait for more.
            return False
        return True

    # What the parser finds.

    def on_message_begin(self) -> None:
        """An answer begins: an interim one, the one, or one too many."""
        self._surplus = self._complete
        self._fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer, in which no provider says anything of use."""
        if self._answer is not None and not self._answer.status:
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        """All of the head is here."""
        status = self._parser.get_status_code()
        if self._complete or status < 200 or self._answer is None:
            return
        headers: dict[str, str] = {}
        for field, value in self._fields:
            name, text = field.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        framed = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
        self._ends_by_closing = not framed and status not in _NO_BODY
        self._answer.begin(status, headers)

    def on_body(self, part: bytes) -> None:
        """Some of the body."""
        self._barren = 0
        if self._answer is not None and not self._complete:
            self._answer.feed(part)

    def on_message_complete(self) -> None:
        """The end, unless of an interim answer."""
        if self._answer is not None and self._answer.status:
            self._complete, self._keeps = True, self._parser.should_keep_alive()

    def _finish(self, answer: Answer) -> None:
        """The answer is whole. Keep the connection if nothing speaks against it."""
        self._answer = None
        answer.end()
        if self._transport is None:
            return
        # An answer may come before all of the question was sent: the rest would stand before the next.
        refused_early = self.tls is not None and self._large and answer.status >= 400
        if refused_early or self._transport.get_write_buffer_size():
            self.abort()
        elif self._surplus or not self._keeps or self._transport.is_closing() or _ends_unsaid(answer.headers):
            self.close()
        else:
            self._freed(self, self._loop.time(), answer.headers.get("keep-alive"))


def _ends_unsaid(headers: Mapping[str, str]) -> bool:
    """Whether the provider is about to close the connection without a word. llama.cpp's server does after each stream,
    for its source of chunks says at the end that it has failed (tools/server/server-http.cpp, for cpp-httplib). A call
    written in that moment would be lost."""
    return headers.get("server") == "llama.cpp" and "transfer-encoding" in headers
