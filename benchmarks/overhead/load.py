"""Load from one core, on bare protocols. Every answer is checked; what is wrong ends the measurement."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httptools
import uvloop


class Caller(asyncio.Protocol):
    """One connection to a gateway."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self.lost = lost
        self.ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)

    def ask(self, request: bytes) -> asyncio.Future[None]:
        self.first, self.tail = 0.0, b""
        self.ended = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.ended

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        self.lost()
        if self.ended is not None and not self.ended.done():
            self.ended.set_exception(ConnectionResetError("the gateway closed the connection"))

    def on_body(self, part: bytes) -> None:
        self.first = self.first or time.perf_counter()
        self.tail = (self.tail + part)[-200:]

    def on_message_complete(self) -> None:
        if self.ended is None or self.ended.done():
            return
        if (status := self.parser.get_status_code()) != 200:
            self.ended.set_exception(RuntimeError(f"status {status}: {self.tail!r}"))
        else:
            self.ended.set_result(None)


class Callers:
    """Connections that are free, and new ones as they are needed."""

    def __init__(self, url: str, headers: dict[str, str], body: bytes) -> None:
        where = urlsplit(url)
        self.host, self.port = where.hostname, where.port
        fields = {"Host": where.netloc, "Content-Type": "application/json", "Content-Length": len(body)} | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.request = f"POST {where.path} HTTP/1.1\r\n{lines}\r\n".encode() + body
        self.free: list[Caller] = []

    async def one(self) -> Caller:
        if self.free:
            return self.free.pop()
        loop = asyncio.get_running_loop()
        _, caller = await loop.create_connection(lambda: Caller(lambda: None), self.host, self.port)
        return caller

    async def call(self) -> Caller:
        caller = await self.one()
        await caller.ask(self.request)
        self.free.append(caller)
        return caller


async def open_loop(callers: Callers, rate: float, seconds: float) -> dict[str, float]:
    """Calls at a steady rate whether answered or not; latency counts from when each was due (no coordinated
    omission)."""
    late: list[float] = []
    running: set[asyncio.Task[None]] = set()

    async def one(due: float) -> None:
        await callers.call()
        late.append(time.perf_counter() - due)

    warm = [callers.call() for _ in range(32)]
    await asyncio.gather(*warm)
    began, sent = time.perf_counter(), 0
    while (now := time.perf_counter()) - began < seconds:
        while sent / rate <= now - began:
            task = asyncio.create_task(one(began + sent / rate))
            running.add(task)
            task.add_done_callback(running.discard)
            sent += 1
        await asyncio.sleep(max(0.0002, began + sent / rate - time.perf_counter()))
    await asyncio.gather(*running)
    late.sort()
    return {"p50_ms": late[len(late) // 2] * 1000, "p99_ms": late[len(late) * 99 // 100] * 1000, "calls": len(late)}


async def streams(callers: Callers, at_once: int, seconds: float) -> dict[str, float]:
    """So many streams at any time, one after the other on each connection."""
    first: list[float] = []
    until = time.perf_counter() + seconds

    async def one(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        caller = await callers.one()
        while time.perf_counter() < until:
            asked = time.perf_counter()
            await caller.ask(callers.request)
            if not caller.tail.endswith(b"data: [DONE]\n\n"):
                raise RuntimeError(f"a stream ended with {caller.tail!r}")
            first.append(caller.first - asked)

    await asyncio.gather(*(one(n * 0.5 / at_once) for n in range(at_once)))
    first.sort()
    return {"streams": len(first), "first_token_ms": first[len(first) // 2] * 1000}


async def opened(callers: Callers, count: int) -> dict[str, float]:
    """So many streams opened, and held until something is said on stdin."""
    held = []
    for _ in range(count):
        held.append(caller := await callers.one())
        caller.ask(callers.request)
        await asyncio.sleep(0.001)
    while not all(caller.first for caller in held):  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.05)
    print("open", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return {"open": sum(not caller.ended.done() for caller in held)}


async def main() -> None:
    asked = json.loads(sys.argv[1])
    callers = Callers(asked["url"], asked["headers"], asked["body"].encode())
    match asked["mode"]:
        case "open":
            print(json.dumps(await open_loop(callers, asked["rate"], asked["seconds"])))
        case "streams":
            print(json.dumps(await streams(callers, asked["at_once"], asked["seconds"])))
        case "opened":
            print(json.dumps(await opened(callers, asked["count"])))


uvloop.run(main())
