"""What the ledger says of the records of the store. A record of a rolling window stands in several of its accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from gateway.core.limit import ended_before
from gateway.core.rolling import books, record_of

ENDED_S = 3600.0
"""A window that ended that long ago is over by every clock."""

Balances = Callable[[list[str]], Awaitable[dict[str, int]]]


async def spent_on(records: Sequence[str], balances: Balances, now: float) -> dict[str, int]:
    """What the ledger says was spent on these records of the store, as far as it counts at this moment."""
    parts = {record: books(record, now) for record in records}
    spent = await balances([name for names in parts.values() for name in names])
    return {record: sum(spent.get(name, 0) for name in names) for record, names in parts.items()}


def booked_by(replica: str, balances: Iterable[tuple[str, str, int]], now: float) -> dict[str, int]:
    """What a replica has spent on records whose windows may still run, from all of (account, replica, amount)."""
    booked: Counter[str] = Counter()
    for account, name, spent in balances:
        record = record_of(account, now)
        if name == replica and record and not ended_before(account, now - ENDED_S):
            booked[record] += spent
    return booked
