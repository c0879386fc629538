"""What clients send, counted on the wire: a proxy that changes no byte and notes each request by the key it shows."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

KEY_HEADERS = {"authorization", "x-api-key", "x-goog-api-key"}
PIECE_BYTES_MAX = 65536


@dataclass
class Seen:
    """One request, and what it was answered with: 0 while it is not, and the text of a refusal."""

    method: str
    path: str
    status: int = 0
    refusal: str = ""


class Tap:
    """Listens on a free port of loopback, in a thread of its own, from `start` until `stop`."""

    def __init__(self, gateway_url: str) -> None:
        self._host, self._port = urlsplit(gateway_url).hostname, urlsplit(gateway_url).port
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.url = ""

    def start(self) -> Tap:
        """Listen."""
        self._thread.start()
        self._server = self._within(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def stop(self) -> None:
        """Close all connections."""
        self._within(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _within(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _close(self) -> None:
        self._server.close()
        ours = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both ways until one side ends; then the other is told."""
        there, back = await asyncio.open_connection(self._host, self._port)
        line = _Line(self.seen)
        ways = [
            asyncio.create_task(_pump(reader, back, line.asked)),
            asyncio.create_task(_pump(there, writer, line.said)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            back.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note) -> None:
    while piece := await reader.read(PIECE_BYTES_MAX):
        note(piece)
        writer.write(piece)
        await writer.drain()


class _Line:
    """One connection, as both parsers see it."""

    def __init__(self, seen: dict[str, list[Seen]]) -> None:
        self._seen = seen
        self._waiting: list[Seen] = []
        self._requests, self._answers = httptools.HttpRequestParser(self), httptools.HttpResponseParser(_Answers(self))
        self._url, self._key = b"", ""
        self._answered = Seen("", "")

    def asked(self, piece: bytes) -> None:
        self._requests.feed_data(piece)

    def said(self, piece: bytes) -> None:
        self._answers.feed_data(piece)

    def on_message_begin(self) -> None:
        self._url, self._key = b"", ""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.decode().lower() in KEY_HEADERS:
            self._key = value.decode().removeprefix("Bearer ")

    def on_headers_complete(self) -> None:
        seen = Seen(self._requests.get_method().decode(), urlsplit(self._url.decode()).path)
        self._seen[self._key].append(seen)
        self._waiting.append(seen)

    def answered(self) -> None:
        status = self._answers.get_status_code()
        if status >= 200:
            self._answered = self._waiting.pop(0)
            self._answered.status = status

    def told(self, body: bytes) -> None:
        if self._answered.status >= 400:
            self._answered.refusal += body.decode(errors="replace")


class _Answers:
    """The callbacks of the answers' parser."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def on_headers_complete(self) -> None:
        self._line.answered()

    def on_body(self, body: bytes) -> None:
        self._line.told(body)
