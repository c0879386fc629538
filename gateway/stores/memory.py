"""Leases in memory: for tests, and for a gateway that may forget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from gateway.stores.base import Ask, Standing, grant


class MemoryStore:
    """See `LeaseStore`. Several replicas in one process may share it."""

    def __init__(self, *, exclusive: bool = True) -> None:
        self.exclusive = exclusive
        self.records: defaultdict[str, dict[str, Standing]] = defaultdict(dict)

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Standing]:
        """See `LeaseStore.exchange`."""
        for ask in asks:
            record = self.records[ask.record]
            record[replica] = grant(record, replica, ask)
        return [self.records[ask.record][replica] for ask in asks]
