"""Taking connections, closing those that have waited too long, and letting calls end before we go."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from gateway.front.connection import WRITE_BYTES_MAX, Connection, Handle
from gateway.front.door import Door

SWEPT_EVERY_S = 0.25
BACKLOG = 4096
ACCEPTED_AT_ONCE = 8
"""New connections that are taken at one turn of the event loop, however many wait. uvloop takes one: under load, when
turns are long, a connection would wait for a second."""

CANCELLED_S_MAX = 5.0
"""How long calls that were broken off may take to close their books."""


class Listener:
    """One listening socket and its connections."""

    def __init__(
        self, handle: Handle, door: Door, *, header_timeout_s: float, trusted_proxies: tuple[str, ...] = ()
    ) -> None:
        self._handle = handle
        self._door = door
        self._trusted_proxies = trusted_proxies
        self._header_timeout_s = header_timeout_s
        self._connections: set[Connection] = set()
        self._emptied = asyncio.Event()  # The last connection has gone.
        self._leaving = False  # No more requests are wanted.
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, host: str, port: int, *, shared: bool = False) -> int:
        """Begin to take connections, on a port that other processes share or not. Returns the port. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        try:
            server = await self._loop.create_server(
                self.connection, host, port, backlog=BACKLOG, reuse_port=shared or None
            )
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror} (server.port, or --port)") from error
        self._servers.append(server)
        for sock in server.sockets:
            _keep_little_unsent(sock)
            if type(self._loop).__module__.startswith("uvloop"):
                await self._take_more_of(sock)
        self._sweep()
        return int(server.sockets[0].getsockname()[1])

    async def _take_more_of(self, sock: socket.socket) -> None:
        """Connections, at one turn: each descriptor of the same socket takes one."""
        for _ in range(ACCEPTED_AT_ONCE - 1):
            same = socket.fromfd(sock.fileno(), sock.family, sock.type)
            self._servers.append(await self._loop.create_server(self.connection, sock=same, backlog=BACKLOG))

    def connection(self) -> Connection:
        """For a connection that was taken."""
        loop = asyncio.get_running_loop()
        made = Connection(
            loop,
            self._handle,
            door=self._door,
            header_timeout_s=self._header_timeout_s,
            trusted_proxies=self._trusted_proxies,
            lost=self._lost,
        )
        made.leaving = self._leaving
        self._connections.add(made)
        return made

    async def close(self, drain_s: float, grace_s: float = 0.0) -> None:
        """Say with every answer that it is the last. After the grace take no more connections, let what is under way
        end and be read within `drain_s`, and break off the rest."""
        loop = asyncio.get_running_loop()
        self._leaving = True
        for connection in self._connections:
            connection.last()
        await asyncio.sleep(grace_s)
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.leave()
        await self._gone(loop.time() + drain_s)
        late = [c.task for c in self._connections if c.task is not None]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CANCELLED_S_MAX)
        for connection in list(self._connections):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    async def _gone(self, until: float) -> None:
        """Wait for all connections, and for those who work for a caller that is gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while self._connections:
                    self._emptied.clear()
                    await self._emptied.wait()

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in [c for c in self._connections if c.deadline < now]:
            connection.abort()
        self._sweeper = self._loop.call_later(SWEPT_EVERY_S, self._sweep)


def _keep_little_unsent(listening: socket.socket) -> None:
    """For all connections that are taken from it. Else the kernel would take megabytes of a stream that a slow caller
    may never read, and that the provider charges for. No option on every platform."""
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WRITE_BYTES_MAX)
