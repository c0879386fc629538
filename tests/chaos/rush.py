"""Callers who do not wait for one another: calls at a steady rate, whether the ones before were answered or not.

    echo '{"host": …, "port": …, "seconds": 5, "groups": [{"request": …, "rate": 3000}, …]}' | python rush.py

Prints for each group what became of its calls, as JSON. One process, on prepared bytes, so that it is not the load that
is measured. A group with `at_once` instead of a rate asks anew as soon as it was answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

TICK_S = 0.002
IN_TIME_S = 1.0
LAST = b"0\r\n\r\n"  # Chunk of a stream.
CONNECTIONS_MAX = 512  # Of one group. Calls that are due while all are busy are not made.


class Caller(asyncio.Protocol):
    """One connection, one call at a time. An answer is as long as its head says, or ends with its last chunk."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.asked = 0.0
        self.status = b""
        self.seen = self.wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def ask(self) -> None:
        self.asked = time.perf_counter()  # Where we ourselves were late, it is not the gateway's fault.
        self.group.asked += 1
        self.transport.write(self.group.request)

    def data_received(self, data: bytes) -> None:
        if not self.status:
            self.status = data[9:12]
            head = data.find(b"\r\n\r\n") + 4
            self.group.untold += self.status == b"503" and b"\r\nretry-after: " not in data[:head].lower()
            at = data.find(b"ontent-")
            while at >= 0 and data[at + 7 : at + 14].lower() != b"length:":
                at = data.find(b"ontent-", at + 7, head)
            self.wanted = head + int(data[at + 14 : data.find(b"\r", at)]) if 0 <= at < head else 0
        self.seen += len(data)
        if self.seen >= self.wanted if self.wanted else data == LAST or data.endswith(b"\r\n" + LAST):
            status, self.status, self.seen = self.status, b"", 0
            self.group.answered(self, status.decode())

    def connection_lost(self, _: Exception | None) -> None:
        if self.asked:
            self.group.answered(self, "lost")


class Group:
    """Callers with the same request."""

    def __init__(self, request: str, rate: float = 0.0, at_once: int = 0) -> None:
        self.request = request.encode("latin-1")
        self.rate, self.at_once = rate, at_once
        self.free: list[Caller] = []
        self.opened = 0
        self.asked = 0
        self.untold = 0  # Turned away without a Retry-After.
        self.late: dict[str, list[float]] = {}
        self.opening: set[asyncio.Task[None]] = set()

    def answered(self, caller: Caller, status: str) -> None:
        waited = time.perf_counter() - caller.asked
        caller.asked = 0.0
        self.late.setdefault(status, []).append(waited)
        if status == "lost":
            self.opened -= 1
        elif self.at_once and time.perf_counter() < self.until:
            caller.ask()
        else:
            self.free.append(caller)

    def call(self) -> None:
        if self.free:
            self.free.pop().ask()
        elif self.opened < CONNECTIONS_MAX:
            self.opened += 1
            task = asyncio.create_task(self.open())
            self.opening.add(task)
            task.add_done_callback(self.opening.discard)

    async def open(self) -> None:
        _, caller = await asyncio.get_running_loop().create_connection(lambda: Caller(self), *self.where)
        caller.ask()

    async def run(self, where: tuple[str, int], begin: float, seconds: float) -> None:
        self.where, self.until = where, begin + seconds
        for _ in range(self.at_once):
            self.call()
        made = 0
        while (now := time.perf_counter()) < self.until:
            while self.rate and begin + made / self.rate <= now:
                self.call()
                made += 1
            await asyncio.sleep(TICK_S)

    def told(self) -> dict[str, object]:
        found = {}
        for status, late in self.late.items():
            late.sort()
            in_time = sum(one <= IN_TIME_S for one in late)
            figures = {"p50_ms": late[len(late) // 2] * 1000, "p99_ms": late[len(late) * 99 // 100] * 1000}
            found[status] = {"calls": len(late), "in_time": in_time} | figures
        return {"asked": self.asked, "untold": self.untold, "answers": found}


async def main() -> None:
    asked = json.load(sys.stdin)
    groups = [Group(**group) for group in asked["groups"]]
    begin = time.perf_counter()
    where = asked["host"], asked["port"]
    await asyncio.gather(*(group.run(where, begin, asked["seconds"]) for group in groups))
    await asyncio.sleep(2 * IN_TIME_S)
    print(json.dumps([group.told() for group in groups]))


if __name__ == "__main__":
    uvloop.run(main())
