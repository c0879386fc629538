"""Connections kept open between calls, by origin."""

from __future__ import annotations

import asyncio
import re

from gateway.upstream.connect import Connector
from gateway.upstream.connection import READ_BYTES, Connection
from gateway.upstream.errors import Unreached
from gateway.upstream.target import Origin

IDLE_S = {"http": 4.0, "https": 50.0}
"""How long a connection is kept without a call. Less than after which servers close it themselves, because a call
written into a closing connection may or may not have been taken: engines of one's own close after 5 s (uvicorn, so
vLLM), the balancers before providers after 60 s (AWS) and more. A server's own Keep-Alive: timeout comes first."""

MARGIN_S = 1.0
"""How much sooner than it says a connection is let go."""

AGE_S_MAX = 300.0
"""An older connection is not used again, so that changes of a provider's addresses are followed."""

IDLE_MAX = 512
"""Connections without a call that are kept for one origin."""

SWEPT_EVERY_S = 1.0
CLOSING_S_MAX = 1.0

_TIMEOUT = re.compile(r"timeout\s*=\s*\"?(\d{1,6})", re.IGNORECASE)


class Pool:
    """Gives out connections, the last used first, so that those not needed grow old."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._idle: dict[Origin, list[Connection]] = {}
        self._all: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._room = memoryview(bytearray(READ_BYTES))

    def idle(self, origin: Origin) -> Connection | None:
        """A connection that can be asked, if one is open and free."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return None

    async def connect(self, origin: Origin) -> Connection:
        """A new connection that can be asked. Raises Unreached."""
        connection = await self._connector.connect(origin, lambda: self._new(origin))
        if connection.left_by_peer:
            connection.abort()
            raise Unreached("The provider closed the connection before anything was asked.")
        self._all.add(connection)
        return connection

    async def close(self) -> None:
        """Let all go, calls under way included."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        ended = [connection.ended for connection in self._all]
        for connection in self._all:
            connection.abort()
        if ended:
            await asyncio.wait(ended, timeout=CLOSING_S_MAX)

    def _new(self, origin: Origin) -> Connection:
        def freed(connection: Connection, now: float, keep_alive: str | None) -> None:
            self._keep(origin, connection, now, keep_alive)

        connection = Connection(asyncio.get_running_loop(), self._room, freed)
        connection.ended.add_done_callback(lambda _: self._all.discard(connection))
        return connection

    def _keep(self, origin: Origin, connection: Connection, now: float, keep_alive: str | None) -> None:
        self._connector.remember(origin, connection)
        said = _TIMEOUT.search(keep_alive) if keep_alive else None
        idle_s = int(said[1]) - MARGIN_S if said else IDLE_S[origin.scheme]
        connection.idle_until = min(now + idle_s, connection.since + AGE_S_MAX)
        idle = self._idle.setdefault(origin, [])
        if connection.idle_until <= now or len(idle) >= IDLE_MAX:
            connection.close()
            return
        idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(SWEPT_EVERY_S, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle too long, so that neither side keeps it for nothing."""
        for origin, idle in list(self._idle.items()):
            kept = []
            for connection in idle:
                if connection.usable:
                    kept.append(connection)
                else:
                    connection.close()
            self._idle[origin] = kept
            if not kept:
                del self._idle[origin]
        loop = asyncio.get_running_loop()
        self._sweeper = loop.call_later(SWEPT_EVERY_S, self._sweep) if self._idle else None
