"""Leases in memory: a store that forgets, to try limits with."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from gateway.core.threshold import Passed
from gateway.stores.base import Ask, Standing, Word, counting, grant, heard_more, left_behind, word


class MemoryStore:
    """See `LeaseStore`. Several replicas in one process may share it."""

    def __init__(self, *, exclusive: bool = True, clock: Callable[[], float] = time.time) -> None:
        self.exclusive = exclusive
        self._clock = clock
        self._told: dict[str, Passed] = {}
        self.epoch = 0
        self._records: defaultdict[str, dict[str, Standing]] = defaultdict(dict)

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Word]:
        """See `LeaseStore.exchange`."""
        return [self._grant(replica, ask) for ask in asks]

    def _grant(self, replica: str, ask: Ask) -> Word:
        record = self._records[ask.record] = counting(self._records[ask.record], self._clock())
        record[replica] = grant(record, replica, ask)
        return word(record, replica)

    async def wanted(self, replica: str) -> set[str]:
        """See `LeaseStore.wanted`."""
        return {
            record
            for record, standings in self._records.items()
            if replica in standings
            and standings[replica].leased > standings[replica].spent
            and any(standing.short for name, standing in standings.items() if name != replica)
        }

    async def records(self, replica: str) -> list[str]:
        """See `LeaseStore.records`."""
        return [record for record, standings in self._records.items() if replica in standings]

    async def resume(self, replica: str, spent: Mapping[str, int], turn: int = 0) -> None:
        """See `LeaseStore.resume`."""
        for standings in self._records.values():
            if replica in standings and not heard_more(standings[replica], turn):
                del standings[replica]
        for name, amount in spent.items():
            self._records[name].setdefault(replica, left_behind(name, amount, self._clock(), turn))

    async def learn_time(self) -> None:
        """See `LeaseStore.learn_time`. It has none."""

    async def claim(self, events: Sequence[Passed]) -> list[Passed]:
        """See `PassedThresholds.claim`."""
        fresh = {event.name: event for event in events if event.name not in self._told}
        self._told |= fresh
        return list(fresh.values())

    async def told(self) -> list[Passed]:
        """See `PassedThresholds.told`."""
        return list(self._told.values())

    def standings(self, record: str) -> Mapping[str, Standing]:
        """What a record says of every replica."""
        return self._records[record]
