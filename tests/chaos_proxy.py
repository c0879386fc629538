"""A TCP proxy in a thread that does to connections what bad networks do: what Toxiproxy calls toxics."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self, TypeVar

LOOKED_EVERY_S = 0.01  # While nothing may pass.
T = TypeVar("T")


class End(Enum):
    """What becomes of a connection that has carried all that it may."""

    CLOSE = "close"  # Both sides get a FIN.
    RESET = "reset"  # Both get a RST, and what they have not read is lost.
    HALF_CLOSE = "half-close"  # Whom the bytes were for gets a FIN, and may go on to write.
    BLACKHOLE = "blackhole"  # Nothing is passed on any more, and nothing is closed.


@dataclass(frozen=True)
class Toxics:
    """What is done to the bytes of one direction. Without any they pass as they come."""

    latency_s: float = 0.0
    jitter_s: float = 0.0  # Added to the latency: as much as this, by chance.
    bytes_per_s: float | None = None
    slice_bytes: int | None = None  # Passed on in pieces of this size, each a segment of its own.
    limit_bytes: int | None = None  # Of each connection, in this direction.
    end: End = End.CLOSE  # At the limit.
    silent: bool = False  # Nothing passes for as long as this is set; what comes waits.


NONE = Toxics()
SILENT = Toxics(silent=True)


class ChaosProxy:
    """Between whoever connects to `port` and `target`, a port of loopback. `up` (to the target) and `down` (from it)
    may be set at any time, and count from the next piece on."""

    def __init__(self, target: int, *, up: Toxics = NONE, down: Toxics = NONE, seed: int = 0) -> None:
        self.target = target
        self.up = up
        self.down = down
        self.connections = 0
        self.bytes_down = 0
        self._dice = random.Random(seed)
        self._lines: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._passed, "127.0.0.1", 0, backlog=4096))
        self.port = self._server.sockets[0].getsockname()[1]

    def both(self, toxics: Toxics) -> None:
        """The same in both directions."""
        self.up = self.down = toxics

    def turn(self, target: int) -> None:
        """To another server. Connections break."""
        self.target = target
        self.drop()

    def drop(self) -> None:
        """Reset every connection."""
        self._do(self._drop())

    def stop(self) -> None:
        """End, and every connection with it."""
        self.drop()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _do(self, work: Awaitable[T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _drop(self) -> None:
        for line in list(self._lines):
            _reset(line)

    async def _end(self) -> None:
        self._server.close()
        own = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not own]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _passed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        self._lines |= {writer, to}
        pumps = [
            asyncio.ensure_future(self._pump(reader, to, "up")),
            asyncio.ensure_future(self._pump(there, writer, "down")),
        ]
        try:
            await asyncio.gather(*pumps)
        except OSError:
            pass  # One side has gone.
        except _LimitReached as reached:
            if reached.end is End.RESET:
                _reset(writer)
                _reset(to)
        finally:
            for pump in pumps:
                pump.cancel()
            self._lines -= {writer, to}
            writer.close()
            to.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        """Until its end. The other direction goes on, unless both were ended."""
        carried = 0
        while some := await reader.read(1 << 16):
            while getattr(self, way).silent:  # noqa: ASYNC110 - set by another thread
                await asyncio.sleep(LOOKED_EVERY_S)
            toxics: Toxics = getattr(self, way)
            left = len(some) if toxics.limit_bytes is None else max(0, toxics.limit_bytes - carried)
            await self._carry(some[:left], writer, toxics)
            carried += len(some)
            if way == "down":
                self.bytes_down += min(left, len(some))
            if left < len(some):
                await self._ended(writer, toxics.end)
                return
        with suppress(OSError):
            writer.write_eof()

    async def _carry(self, some: bytes, writer: asyncio.StreamWriter, toxics: Toxics) -> None:
        await asyncio.sleep(toxics.latency_s + self._dice.random() * toxics.jitter_s)
        size = toxics.slice_bytes or len(some) or 1
        for start in range(0, len(some), size):
            piece = some[start : start + size]
            writer.write(piece)
            await writer.drain()
            if toxics.bytes_per_s is not None:
                await asyncio.sleep(len(piece) / toxics.bytes_per_s)
            elif toxics.slice_bytes:
                await asyncio.sleep(0)

    async def _ended(self, writer: asyncio.StreamWriter, end: End) -> None:
        if end is End.BLACKHOLE:
            await asyncio.Event().wait()
        elif end is End.HALF_CLOSE:
            writer.write_eof()
        else:
            raise _LimitReached(end)


class _LimitReached(Exception):
    def __init__(self, end: End) -> None:
        self.end = end


def _reset(writer: asyncio.StreamWriter) -> None:
    made: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
