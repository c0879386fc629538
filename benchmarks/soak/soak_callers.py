"""Callers who come in waves: whose provider fails, who hang up, who hardly read, and who send what is no call."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

from soak_stage import Stage

FAILING = 40
HANGING_UP = 80
SLOW = 8
PATIENCE_S = 30
DEEP = 100_000

ORDERS = ("fail=500", "fail=503 retry_after=1", "fail=429 retry_after=1", "hang", "garbage", "badusage=huge")
ORDERS += ("badusage=negative", "badusage=strings", "hang_after=3", "eof=3", "cut=3", "error_after=3")

BODIES = (
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b'{"model":"sim-small","messages":[{"role":"user","content":"\xff\xfe"}]}',
    b'{"model":"sim-small","max_tokens":1e400,"messages":[]}',
    b'{"model":"sim-small","max_tokens":' + b"9" * 5000 + b',"messages":[]}',
    b'{"model":"sim-small","model":NaN}',
    b'{"model":"sim-small\\ud800","messages":[]}',
    b"",
    b"\x00" * 10_000,
    gzip.compress(bytes(10**7)),
)
HEADS = (
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Content-Length: +5\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Content-Length: 999999999999\r\n",
    b"x: \x00\r\n",
    b"x: " + b"y" * 100_000 + b"\r\n",
)


async def fail_a_wave(stage: Stage, dice: random.Random, seconds: float) -> None:
    """Calls that the provider fails in every way."""
    del seconds

    async def one() -> None:
        async with _Line(stage, dice) as (reader, writer):
            writer.write(_call(stage, f"[[sim: {dice.choice(ORDERS)}]]", stream=dice.random() < 0.5))
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), PATIENCE_S)

    await _all(one, FAILING)


async def hang_up_a_wave(stage: Stage, dice: random.Random, seconds: float) -> None:
    """Half of them with a reset, at any moment."""
    del seconds

    async def one() -> None:
        async with _Line(stage, dice) as (reader, writer):
            call = _call(stage, "[[sim: tokens=200 tps=100]]", stream=dice.random() < 0.8)
            writer.write(call if dice.random() < 0.9 else call[: dice.randrange(len(call))])
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(), dice.random() * 2)
            if dice.random() < 0.5:
                _reset(writer)

    await _all(one, HANGING_UP)


async def slow_readers(stage: Stage, dice: random.Random, seconds: float) -> None:
    """Long answers at a KiB a second, and gone before the end."""

    async def one() -> None:
        async with _Line(stage, dice) as (reader, writer):
            writer.write(_call(stage, "[[sim: tokens=3000]]", stream=True))
            for _ in range(int(seconds * 4)):
                await reader.read(256)
                await asyncio.sleep(0.25)

    await _all(one, SLOW)


async def hostile_bodies(stage: Stage, dice: random.Random, seconds: float) -> None:
    """Each is answered with a 4xx, or its connection ends."""
    del seconds

    async def one(head: bytes, body: bytes) -> None:
        async with _Line(stage, dice) as (reader, writer):
            writer.write(_head(stage, head) + body)
            said = b""
            with suppress(TimeoutError):
                said = await asyncio.wait_for(reader.read(), PATIENCE_S)
            assert said[9:10] in {b"4", b""}, (head[:50], body[:50], said[:500])

    sized = [(f"Content-Length: {len(body)}\r\n".encode(), body) for body in BODIES]
    await asyncio.gather(*(one(head, body) for head, body in [*sized, *((head, b"hello") for head in HEADS)]))


async def _all(one: Callable[[], Awaitable[None]], count: int) -> None:
    await asyncio.gather(*(one() for _ in range(count)))


class _Line:
    """A connection to a gateway. That it breaks off is nothing to these callers."""

    def __init__(self, stage: Stage, dice: random.Random) -> None:
        where = urlsplit(stage.where(dice))
        self._address = where.hostname, where.port

    async def __aenter__(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, self._writer = await asyncio.open_connection(*self._address, limit=1 << 12)
        return reader, self._writer

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._writer.close()
        return kind is not None and issubclass(kind, ConnectionError)


def _reset(writer: asyncio.StreamWriter) -> None:
    made: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _call(stage: Stage, text: str, *, stream: bool) -> bytes:
    messages = [{"role": "user", "content": text}]
    body = json.dumps({"model": "sim-small", "max_tokens": 4000, "stream": stream, "messages": messages}).encode()
    return _head(stage, f"Content-Length: {len(body)}\r\n".encode()) + body


def _head(stage: Stage, more: bytes) -> bytes:
    token = stage.gates[0].first.encode()
    plain = b"Host: x\r\nContent-Type: application/json\r\nConnection: close\r\nAuthorization: Bearer " + token
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + plain + b"\r\n" + more + b"\r\n"
