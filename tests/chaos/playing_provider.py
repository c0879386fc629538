"""A provider that plays what a call names: `[[play: name]]` in its text. It bills nothing."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import hostile

_NAMED = re.compile(rb"\[\[play: ([^\]]+)\]\]")


@dataclass
class Stage:
    """`plays`: a script of tests/upstream/hostile.py for each name; several are played in turn, the last for ever."""

    url: str = ""
    plays: dict[str, list[hostile.Script]] = field(default_factory=dict)
    heard: dict[str, list[float]] = field(default_factory=dict)  # When a call for it came, on the monotonic clock.

    def play(self, name: str, *scripts: hostile.Script) -> str:
        """Be ready to play it; the text of a call for it."""
        self.plays[name], self.heard[name] = list(scripts), []
        return f"[[play: {name}]]"


@contextmanager
def playing() -> Iterator[Stage]:
    """One that listens while the block runs, in a thread of its own."""
    stage, loop, ready, ended = Stage(), asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def run() -> None:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found = _NAMED.search(server.requests.pop())
            assert found is not None, "nobody said what to play"
            name = found[1].decode()
            stage.heard[name].append(time.monotonic())
            scripts = stage.plays[name]
            await scripts[min(len(stage.heard[name]), len(scripts)) - 1](reader, writer)

        async with hostile.serving(script) as server:
            stage.url = server.url
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield stage
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


def head(status: int = 200, content_type: str = "application/json", *more: str) -> bytes:
    """A head whose body ends with the connection."""
    return "\r\n".join([f"HTTP/1.1 {status} Said", f"Content-Type: {content_type}", *more, "", ""]).encode("latin-1")


def whole(body: bytes, status: int = 200, content_type: str = "application/json", *more: str) -> bytes:
    """An answer with its length."""
    return head(status, content_type, f"Content-Length: {len(body)}", *more) + body


def chunk(data: bytes) -> bytes:
    """A piece of a body that comes in pieces."""
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM = head(200, "text/event-stream", "Transfer-Encoding: chunked")
LAST = b"0\r\n\r\n"
