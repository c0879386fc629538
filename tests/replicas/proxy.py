"""A TCP proxy in a thread, between gateways and their store: slow, cut off, or turned to another server."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress


class Proxy:
    """`delay_s`, `target` and `cut` may be set at any time. While `cut`, nothing passes and nothing is closed."""

    def __init__(self, target: int) -> None:
        self.target = target  # A port of loopback.
        self.delay_s = 0.0
        self.cut = False
        self._lines: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._passed, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]

    def turn(self, target: int) -> None:
        """To another server. Connections break."""
        self.target = target
        self._do(self._drop())

    def stop(self) -> None:
        self._do(self._drop())
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _drop(self):
        for line in list(self._lines):
            line.transport.abort()

    async def _end(self):
        self._server.close()
        own = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not own]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _passed(self, reader, writer):
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._lines |= {writer, to}
        await asyncio.gather(self._pump(reader, to), self._pump(there, writer))
        self._lines -= {writer, to}

    async def _pump(self, reader, writer):
        with suppress(OSError):
            while some := await reader.read(1 << 16):
                await asyncio.sleep(self.delay_s)
                while self.cut:  # noqa: ASYNC110 - set by another thread
                    await asyncio.sleep(0.01)
                writer.write(some)
        writer.close()
