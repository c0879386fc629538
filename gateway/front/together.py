"""One face for all workers: whichever of them is asked speaks for every one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec

from gateway.core.entry import Entry
from gateway.core.price import Price
from gateway.front.peers import Worker, ask, follow, listen
from gateway.telemetry.live import Live, TooManyWatchers
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.summed import Family, Sample, exposition, heard, told


class Doing(msgspec.Struct, frozen=True):
    """How a deployment has been doing of late, as one process sees it."""

    name: str
    working: bool  # False once it is left alone, until it answers again.
    in_flight: int
    error_rate: float  # 0 to 1.
    first_token_ms: float | None  # Of streams: the average of late,
    first_token_p95_ms: float | None  # and what nineteen of twenty stayed below; null before there were a few.
    answer_ms: float | None  # The same for whole answers.
    answer_p95_ms: float | None


class Replica(msgspec.Struct, frozen=True):
    """One process that carries calls."""

    name: str
    process: int
    started: str  # RFC 3339.
    in_flight: int  # Calls that have left.
    on_their_way: int  # Settled entries that the ledger does not have yet.
    drift_units: int  # What its books disagree by.
    left_alone: list[str]  # Deployments whose breaker is open.
    doing: list[Doing]  # Every deployment that was asked.


Events = asyncio.Queue[bytes | None]
_entries = msgspec.json.Decoder(list[Entry])


_replica = msgspec.json.Decoder(Replica)


class Together:
    """What a gateway tells beside its calls. `worker` is None where it is one process."""

    def __init__(
        self,
        worker: Worker | None,
        metrics: Metrics,
        live: Live,
        find: Callable[[str], Awaitable[list[Entry]]],
        approve: Callable[[str], bool],
        *,
        prices: Callable[[Collection[str]], Awaitable[dict[str, Price]]],
        replica: Callable[[], Replica],
    ) -> None:
        self._worker = worker
        self._peers = worker.peers if worker is not None else []
        self._metrics = metrics
        self._live = live
        self._find = find
        self._approve = approve
        self._prices = prices
        self._replica = replica

    async def listen(self) -> asyncio.Server | None:
        """Answer the other workers, where there are any. Raises OSError."""
        return await listen(self._worker.path, self._respond) if self._worker is not None else None

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """The page of /metrics, added up over all workers that answer, and its content type."""
        processes = [heard(told(self._metrics)), *(heard(text) for text in await self._ask("metrics"))]
        count = Family("fareway_workers", "gauge", "Workers that these figures are of.", [])
        count.samples.append(Sample(count.name, {}, len(processes)))
        return exposition([*processes, [count]], accept)

    async def find(self, name: str) -> list[Entry]:
        """All entries of one request, or with an answer that the provider calls so, those on their way in any worker
        included."""
        found = {entry.id: entry for entry in await self._find(name)}
        if "\n" not in name:
            for text in await self._ask(f"find {name}"):
                found |= {entry.id: entry for entry in _entries.decode(text)}
        return sorted(found.values(), key=lambda entry: (entry.at, entry.id))

    async def prices(self, entries: Sequence[Entry]) -> dict[str, Price]:
        """The prices that these entries were booked at, as far as they are known."""
        return await self._prices(frozenset().union(*(entry.price_ids for entry in entries)))

    async def approve(self, sha256: str) -> bool:
        """Take over the prices with this digest that wait in quarantine, everywhere. Whether any worker had them."""
        approved = self._approve(sha256)
        return any([approved, *(text == b"yes" for text in await self._ask(f"approve {sha256}"))])

    async def replicas(self) -> list[Replica]:
        """All workers that answer."""
        told = [_replica.decode(text) for text in await self._ask("replica")]
        return sorted([self._replica(), *told], key=lambda replica: replica.name)

    @asynccontextmanager
    async def watch(self, key_id: str, *, everything: bool) -> AsyncIterator[Events]:
        """A queue of the events of all workers from now on, and None at the end. Raises TooManyWatchers."""
        with self._live.watch(key_id, everything=everything) as events:
            question = f"{'watch-all' if everything else 'watch'} {key_id}"

            def offer(event: bytes) -> None:
                self._live.offer(events, event)

            following = [asyncio.create_task(follow(path, question, offer)) for path in self._peers]
            try:
                yield events
            finally:
                for task in following:
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)

    async def _ask(self, question: str) -> list[bytes]:
        answers = await asyncio.gather(*(ask(path, question) for path in self._peers))
        return [answer for answer in answers if answer]

    async def _respond(self, question: str, writer: asyncio.StreamWriter) -> None:
        verb, _, about = question.partition(" ")
        match verb:
            case "metrics":
                writer.write(told(self._metrics))
            case "find":
                writer.write(msgspec.json.encode(await self._find(about)))
            case "approve":
                writer.write(b"yes" if self._approve(about) else b"no")
            case "replica":
                writer.write(msgspec.json.encode(self._replica()))
            case "watch" | "watch-all":
                with suppress(TooManyWatchers), self._live.watch(about, everything=verb == "watch-all") as events:
                    while (event := await events.get()) is not None:
                        writer.write(event)
                        await writer.drain()
