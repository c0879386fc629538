"""A small load balancer: deals out connections in turn to those who say that they are ready, and looks again often."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager, suppress

PROBED_EVERY_S = 0.3


class Balancer:
    """`addresses`: a function to the (host, port) of each gateway now, or None where it does not run."""

    def __init__(self, addresses):
        self._addresses = addresses
        self._healthy: list[tuple[str, int]] = []
        self._turns = itertools.count()
        self._pipes: set[asyncio.Task] = set()
        self.refused = 0  # Connections that a gateway did not take although it was healthy a moment ago.

    async def probe(self):
        """For ever."""
        while True:
            self._healthy = [a for a in self._addresses() if a is not None and await ready(a)]
            await asyncio.sleep(PROBED_EVERY_S)

    async def all_ready(self, count):
        async with asyncio.timeout(30):
            while len(self._healthy) < count:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.02)

    async def carry(self, reader, writer):
        """One caller's connection, to whose turn it is."""
        try:
            upstream, sink = await asyncio.open_connection(*self._healthy[next(self._turns) % len(self._healthy)])
        except (OSError, ZeroDivisionError):
            self.refused += 1
            writer.transport.abort()
            return
        await asyncio.gather(pipe(reader, sink), pipe(upstream, writer))


async def pipe(reader, writer):
    """Bytes one way, and the end."""
    with suppress(OSError):
        while part := await reader.read(1 << 16):
            writer.write(part)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def ready(address):
    """Whether a gateway says that it is."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            said = await reader.read()
            writer.close()
            return said.startswith(b"HTTP/1.1 200")
    except (OSError, TimeoutError):
        return False


@asynccontextmanager
async def balancing(addresses):
    """One that listens while the block runs: itself, and its URL."""
    balancer = Balancer(addresses)
    server = await asyncio.start_server(balancer.carry, "127.0.0.1", 0)
    probing = asyncio.create_task(balancer.probe())
    try:
        yield balancer, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        probing.cancel()
        server.close()
