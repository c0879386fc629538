"""A server that answers with exactly the bytes it is told to, and knows what became of its connections."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"ok":true}'
GOOD = JSON + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@dataclass
class Server:
    """Where it is, and what it has seen."""

    url: str = ""
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)  # Heads and bodies.
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # Somebody has closed on it.


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Server]:
    """A server that runs this script for every request."""
    known = Server()
    tasks: set[asyncio.Task] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known.connections += 1
        task = asyncio.current_task()
        tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(
                    (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length")), 0
                )
                known.requests.append(head + await reader.readexactly(size))
                await script(reader, writer)
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            known.gone.set()
        except asyncio.CancelledError:
            return
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1000)
    known.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield known
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def says(*parts: bytes | float, then: str = "keep") -> Script:
    """Send these parts, waiting where there is a number; then keep the connection, close, reset or fall silent."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        if then == "close":
            writer.close()
        elif then == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif then == "silence" and await reader.read(1) == b"":
            raise ConnectionResetError

    return script


def no_matter():
    """Told when a call leaves, and not interested."""


STREAMED = {"streams": True, "leaving": no_matter}
WHOLE = {"streams": False, "leaving": no_matter}
