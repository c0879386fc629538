"""A provider's bytes as HTTP: whatever comes, in whatever pieces, is one answer or a failure that has a name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from fuzz.target import pieces

from gateway.upstream.answer import Answer, Patience
from gateway.upstream.connection import Connection
from gateway.upstream.errors import Lost

HEAD = 2
"""How it is cut; whether the provider ends in order, with a failure, or not at all."""

JSON = False

PATIENCE = Patience(head=60, idle=60, total=60)
LOOP = asyncio.new_event_loop()


class Transport:
    """What a connection does to its transport: it is noted, no more."""

    def __init__(self) -> None:
        self.closing = False

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Sent."""

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self.closing

    def close(self) -> None:
        """In order."""
        self.closing = True

    abort = close

    def pause_reading(self) -> None:
        """Heard."""

    resume_reading = pause_reading

    def get_extra_info(self, name: str) -> Transport | None:
        """No TLS."""
        return self if name == "socket" else None

    def fileno(self) -> int:
        """That of the standard input, which nobody asks."""
        return 0

    def get_write_buffer_size(self) -> int:
        """All is sent."""
        return 0


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    cut, how = data[:HEAD]
    whole = _answered([data[HEAD:]], how)
    assert _answered(pieces(data[HEAD:], cut), how) == whole


def _answered(chunks: list[bytes], how: int) -> tuple[object, ...]:
    """All that can be seen of an answer that comes in these pieces, up to where it is over."""
    transport, freed = Transport(), []
    connection = Connection(LOOP, memoryview(b""), lambda *_: freed.append(True))
    connection.connection_made(transport)  # type: ignore[arg-type]
    answer = connection.ask(b"", b"", PATIENCE)
    for chunk in chunks:
        if chunk and not transport.closing:
            connection.data_received(chunk)
    if how % 3 or transport.closing:
        connection.connection_lost(ConnectionResetError() if how % 3 == 2 and not transport.closing else None)
    body, outcome = _read(answer)
    answer.close()
    if not connection.ended.done():
        connection.connection_lost(None)
    assert answer.status == 0 or 200 <= answer.status <= 999
    assert all(name == name.lower() for name in answer.headers)
    if outcome == "lost":  # How much of it had come depends on the pieces.
        return answer.status > 0 and how % 3 == 0, outcome
    return answer.status, tuple(answer.headers.items()), body, outcome


def _read(answer: Answer) -> tuple[bytes, str]:
    """What came of the body, and whether that was all."""
    if not answer.over:
        return b"", "waiting"
    coroutine, body = answer.read(), b""
    try:
        coroutine.send(None)
    except StopIteration as done:
        body = done.value
    except Lost:
        return b"", "lost"
    finally:
        with suppress(RuntimeError):
            coroutine.close()
    return body, "whole"


def seeds() -> Iterable[bytes]:
    """Answers of every framing, and what breaks them."""
    heads = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 429 \r\nContent-Length: 11\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=5, max=3\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    )
    bodies = (b'{"ok":true}', b'5;x=1\r\n{"ok"\r\n6\r\n:true}\r\n0\r\nX-Trailer: 1\r\n\r\n', b"")
    for number, head in enumerate(heads):
        for body in bodies:
            yield bytes((number * 37 % 256, number % 3)) + head + body
