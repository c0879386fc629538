"""One gateway, one provider and many callers, for as long as a scenario lasts; and the shapes of load."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter import Gateway, Kind, Terms
from calls import Call
from client import Client
from judge import Evidence, judged
from servers import provider

RETRY_S_MAX = 0.3
"""Callers that are told to try again do so no later: a scenario has no time to lose."""

TOKENS_PER_S = 200.0


@dataclass
class World:
    """Everything that runs. `calls` are all that were made."""

    gateway: Gateway
    client: Client
    terms: Terms
    bill: Path
    tokens_per_s: float
    calls: list[Call] = field(default_factory=list)

    async def ask(self, call: Call, replica: int = 0) -> Call:
        call.replica = replica % self.terms.replicas
        self.calls.append(call)
        return await self.client.ask(call)

    async def callers(
        self, count: int, make: Callable[[], Call], seconds: float = 60, replica: Callable[[int], int] = lambda n: n
    ) -> None:
        """So many at once, each call after call: until the time is up, or one is told that waiting does not help.
        A caller whose connection broke tries again a little later."""
        until = time.monotonic() + seconds

        async def caller(number: int) -> None:
            while time.monotonic() < until:
                call = await self.ask(make(), replica(number))
                if call.refused and call.retry_after_s is None:
                    return
                if not call.admitted:
                    await asyncio.sleep(min(RETRY_S_MAX, call.retry_after_s or RETRY_S_MAX))

        await asyncio.gather(*(caller(number) for number in range(count)))

    async def arrivals(self, due: Iterable[tuple[float, Call, int]]) -> None:
        """Each call at its own time, in seconds from now, at its replica, whatever became of those before."""
        began, tasks = time.monotonic(), []
        for at, call, replica in due:
            if (wait := at - (time.monotonic() - began)) > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(self.ask(call, replica)))
        await asyncio.gather(*tasks)

    async def judged(self, **seen: Any) -> dict[str, Any]:
        """The figures, once everything is at rest."""
        await asyncio.to_thread(self.gateway.rest)
        return judged(
            Evidence(
                terms=self.terms,
                calls=self.calls,
                bill=self.billed(),
                ledger=self.gateway.ledger(),
                accounts_picos=self.gateway.accounts_picos(),
                tokens_per_s=self.tokens_per_s,
                **seen,
            )
        )

    def billed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.bill.read_text().splitlines()]


@asynccontextmanager
async def world(
    kind: Kind, folder: Path, terms: Terms, *, tokens_per_s: float = TOKENS_PER_S, whole_s: float = 0.3
) -> AsyncIterator[World]:
    """Start it all, and end it all. `whole_s`: how long an answer that does not stream takes."""
    server, url, bill = provider(folder / "provider", tokens_per_s=tokens_per_s, whole_s=whole_s)
    gateway = kind.make(folder / "gateway", url, terms)
    try:
        server.start()
        gateway.start()
        client = Client(gateway.urls, gateway.headers)
        yield World(gateway, client, terms, bill, tokens_per_s)
        client.close()
    finally:
        gateway.stop()
        server.stop()
