"""U6: a provider that is far quicker than those who read. Little is kept for each, and the provider is paused."""

import asyncio
import json
import resource
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hostile import serving
from playing_provider import STREAM, chunk
from resident import resident
from road import road
from tongues import TONGUES

pytestmark = pytest.mark.xdist_group("chaos-upstream")

READERS = 200
READ_BYTES, READ_EVERY_S, BETWEEN_S = 1024, 1.0, 0.01
STREAM_BYTES = 8 << 20  # What the provider has for each reader, at once.
KERNEL_BYTES = 16 << 10  # What a test lets the kernel keep on each socket: it is no part of a process.
CONFIG = """
providers:
  playing: {kind: sim, base_url: PLAY_URL/v1, prices: sim}
timeouts: {connect: 20s, first_byte: 60s, idle: 60s, total: 600s}
limits: [{node: all, amount: 100000 usd, window: month}]
"""
EVENT = b'data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'


async def reader_of(way, stop, read, after_s=0.0):
    """A caller that reads a kilobyte a second. It begins a little after the one before it: a crowd at the door would be
    another matter."""
    await asyncio.sleep(after_s)
    where = urlsplit(way.url)
    body = json.dumps(TONGUES[0].body("playing/sim-small", "Hi", True) | {"max_tokens": 10_000_000}).encode()
    with suppress(OSError):
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        line.setblocking(False)
        await asyncio.get_running_loop().sock_connect(line, (where.hostname, where.port))
        reader, writer = await asyncio.open_connection(sock=line, limit=READ_BYTES)
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
            % (way.first.encode(), len(body), body)
        )
        while not stop.is_set():
            with suppress(TimeoutError):
                read.append(len(await asyncio.wait_for(reader.read(READ_BYTES), READ_EVERY_S)))
                await asyncio.wait_for(stop.wait(), READ_EVERY_S)
        writer.transport.abort()


async def test_slow_readers(tmp_path, shown, full):
    seconds, sent = (60 if full else 12), []

    async def pour(_, writer):
        """All that is there, as quickly as it is taken."""
        number = len(sent)
        sent.append(0)
        piece = chunk(EVENT * 40)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        with suppress(ConnectionError):
            writer.write(STREAM)
            for _ in range(STREAM_BYTES // len(piece)):
                writer.write(piece)
                await writer.drain()
                sent[number] += len(piece)

    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    async with serving(pour) as server:
        with road(tmp_path, CONFIG.replace("PLAY_URL", server.url)) as way:
            process, stop, read = way.gate.process.pid, asyncio.Event(), []
            warm = [asyncio.create_task(reader_of(way, stop, read)) for _ in range(5)]
            await asyncio.sleep(3)
            stop.set()
            await asyncio.gather(*warm)
            await asyncio.to_thread(way.rest)  # What was cut was counted, and the vocabulary for that is there.
            before, stop = resident(process), asyncio.Event()
            sent.clear(), read.clear()
            readers = [asyncio.create_task(reader_of(way, stop, read, number * BETWEEN_S)) for number in range(READERS)]
            most = 0
            for _ in range(seconds):
                await asyncio.sleep(1)
                most = max(most, resident(process))
            taken = max(sent)
            stop.set()
            await asyncio.gather(*readers)
    each = (most - before) / READERS / 1024
    shown(
        "U6",
        f"{READERS} readers of 1 KB/s, a provider with 8 MiB for each at once",
        f"{each:.0f} KiB of memory a stream; the provider was paused after {taken / 1024:.0f} KiB at most",
        target="64 KiB, paused",
        met=taken < STREAM_BYTES / 2 and len(sent) == READERS,
        bounded=each <= 64,
        each_kib=round(each, 1),
        taken_kib=[round(min(sent) / 1024), round(taken / 1024)],
    )
