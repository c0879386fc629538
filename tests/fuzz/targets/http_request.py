"""A caller's bytes as HTTP: the same requests in any pieces, and none where another strict reader sees no end."""

from __future__ import annotations

from collections.abc import Iterable

from fuzz.target import pieces

from gateway.front.exchange import Exchange
from gateway.front.framing import Framing
from gateway.front.head import NotHttp

HEAD = 1
"""How it is cut."""

JSON = False


class Line:
    """A connection of which nothing is wanted."""

    closed = False
    full = False

    def origin(self, forwarded: str) -> str:
        """See `Line.origin`."""
        return forwarded

    def send(self, data: bytes) -> None:
        """See `Line.send`."""

    async def drained(self) -> None:
        """See `Line.drained`."""


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    whole = _requests([data[HEAD:]])
    assert _requests(pieces(data[HEAD:], data[0])) == whole
    for method, path, _, headers, *_ in whole:
        assert isinstance(path, str)
        assert path.startswith("/")
        assert method != "CONNECT"
        assert not any(sign in text for pair in headers for text in pair for sign in "\r\n\0")


def _requests(chunks: list[bytes]) -> list[tuple[object, ...]]:
    """The requests that are read, whole ones with their bodies, and whether what follows is refused."""
    begun: list[Exchange] = []
    framing = Framing(Line(), begun.append)
    refused = False
    try:
        for chunk in chunks:
            framing.feed(chunk)
    except NotHttp:
        refused = True
    found: list[tuple[object, ...]] = [_seen(exchange) for exchange in begun]
    return [*found, ("", "/", "", (), refused)]


def _seen(exchange: Exchange) -> tuple[object, ...]:
    body = b"".join(exchange._parts) if exchange.received else b""
    headers = tuple(exchange.headers.items())
    return exchange.method, exchange.path, exchange.query, headers, exchange.keep_alive, exchange.received, body


def seeds() -> Iterable[bytes]:
    """Requests of every framing, one after the other, and what breaks them."""
    post = b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer x\r\n"
    cases = (
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
        post + b"Content-Length: 2\r\n\r\n{}" + b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        post + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
        post + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 2\r\n\r\n{}",
        b"POST http://gateway/v1/messages HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
        post + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        post + b"Transfer-Encoding: identity, chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
        post + b" folded: 1\r\nX : 2\r\nX: \0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    )
    for number, case in enumerate(cases):
        yield bytes((number * 51 % 256,)) + case
