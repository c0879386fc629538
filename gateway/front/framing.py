"""Where one request ends and the next begins (RFC 9112, section 6). llhttp reads; we refuse what it lets pass."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from gateway.front.exchange import Exchange, Line
from gateway.front.head import FIELD_BYTES_MAX, FIELDS_MAX, NotHttp, check_framing, request_fields, request_target

HEAD_BYTES_MAX = 64 << 10
"""Of a request before its body, and of what stands between or behind the pieces of one: sizes, their extensions,
trailers. One segment from the network may come on top."""


class Framing:
    """The requests on one connection. `begun` hears of each as soon as its head is here."""

    def __init__(self, line: Line, begun: Callable[[Exchange], None]) -> None:
        self._line = line
        self._begun = begun
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0  # Of the head or the trailers that are coming in, at least.
        self._declining = False  # The head that came last offers another protocol.
        self.receiving: Exchange | None = None  # Whose body is coming in.

    @property
    def amid(self) -> bool:
        """Between two requests: whether some of a head is here, and not all."""
        return self._head_bytes > 0

    def feed(self, data: bytes | memoryview) -> None:
        """What came. Raises NotHttp: then nothing that follows means anything."""
        self._head_bytes += len(data)
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                self._decline()
                data = memoryview(data)[offer.args[0] :]
            except httptools.HttpParserError:
                raise NotHttp from None
            else:
                break
        if self._head_bytes > HEAD_BYTES_MAX:
            raise NotHttp

    def _decline(self) -> None:
        """Another protocol was offered, as Java's client does with every first call. The body follows all the same,
        which llhttp would no longer frame: another parser does, that has heard of nothing but the framing."""
        assert self.receiving is not None
        fields = self.receiving.headers
        framing = [f"{name}: {fields[name]}\r\n" for name in ("content-length", "transfer-encoding") if name in fields]
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{''.join(framing)}\r\n".encode())

    # What the parser finds.

    def on_message_begin(self) -> None:
        """A request begins, unless it is one whose offer was declined."""
        if not self._declining:
            self._url, self._fields = b"", []
            self._head_bytes = self._head_bytes or 1

    def on_url(self, part: bytes) -> None:
        """Some of the target."""
        self._url += part
        if len(self._url) > FIELD_BYTES_MAX:
            raise NotHttp

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer, in which no caller says anything of use."""
        self._fields.append((name, value))
        if len(name) + len(value) > FIELD_BYTES_MAX or len(self._fields) > FIELDS_MAX:
            raise NotHttp

    def on_headers_complete(self) -> None:
        """All of the head is here."""
        if self._declining:
            self._declining = False
            return
        parser, fields = self._parser, request_fields(self._fields)
        version, method = parser.get_http_version(), parser.get_method().decode("latin-1")
        check_framing(version, fields)
        if method == "CONNECT":
            raise NotHttp
        exchange = Exchange(
            self._line,
            method,
            *request_target(self._url),
            fields,
            http11=version == "1.1",
            keep_alive=parser.should_keep_alive(),
        )
        self._head_bytes, self._url, self._fields = 0, b"", []
        self._declining = parser.should_upgrade()
        self.receiving = exchange
        self._begun(exchange)

    def on_body(self, part: bytes) -> None:
        """Some of the body."""
        self._head_bytes = 0
        if self.receiving is not None:
            self.receiving.feed(part)

    def on_message_complete(self) -> None:
        """The request is whole, unless it is one with an offer, which llhttp takes for its end."""
        if self.receiving is not None and not self._declining:
            self._head_bytes = 0
            self.receiving.end()
            self.receiving = None
