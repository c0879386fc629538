"""What a store of leases must do, and the one rule by which it grants them.

A record belongs to one limit in one window. For every replica it keeps two numbers that say
everything: how much it has leased and how much of that it has spent. They are absolute, not
changes, so that a repeated, late or lost call does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ask:
    """One replica's word on one record: what it has spent, and what it wants to have leased in all."""

    record: str
    limit: int  # The amount that the configuration says now.
    spent: int
    want: int  # At least what is spent and held; less than before gives the difference back.


@dataclass(frozen=True, slots=True)
class Standing:
    """What a record says of one replica."""

    leased: int = 0
    spent: int = 0


class LeaseStore(Protocol):
    """Keeps the records. Every method may raise gateway.core.errors.Unavailable."""

    exclusive: bool  # True if there can be no other replica: then a lease is the whole limit.

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Standing]:
        """Tell and ask, record by record, each atomically. Returns what this replica has now, in order."""
        ...


def grant(record: Mapping[str, Standing], replica: str, ask: Ask) -> Standing:
    """The rule: all leases together never pass the limit, and money that is spent stays leased.

    What a replica has spent never shrinks, whatever it says: a late report is an old one.
    """
    others = sum(max(s.leased, s.spent) for name, s in record.items() if name != replica)
    spent = max(ask.spent, record.get(replica, Standing()).spent)
    leased = min(ask.want, max(0, ask.limit - others))
    return Standing(leased=max(leased, spent), spent=spent)
