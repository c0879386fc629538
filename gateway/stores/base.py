"""What a store of leases must do, and the one rule by which it grants them.

A record belongs to one limit in one window. For every replica it keeps numbers that say everything:
how much it has leased, how much of that it has spent and holds, and how much it is short of. They are
absolute, not changes, and numbered by turns, so that a repeated, late or lost exchange does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import msgspec

from gateway.core.rolling import length, width
from gateway.core.threshold import Passed

_passed = msgspec.json.Decoder(Passed)

RETIRED = ""
"""The replica under whose name stands what was spent by all that run no more."""


TURN_BITS = 36
"""So many of a word's number are for one process; the rest say which, within the 53 that a Lua number can hold."""

KEPT_S = 48 * 3600
"""How long the record of a window is kept after its end: for whoever was cut off, and tells of it late."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One replica's word on one record: what it has spent and holds, and what it wants to have leased in all."""

    record: str
    limit: int  # The amount that the configuration says now.
    spent: int
    want: int  # At least what is spent and held; less than before gives the difference back.
    held: int = 0
    least: int = 0  # Where not even this much can be leased, no more is than `keep`; the others are asked to give back.
    keep: int = 0  # What it may be using.
    ahead: int = 0  # Beyond `want`, as far as a fair part of what nobody has leased goes.
    turn: int = 0  # Grows with every exchange of a replica; 0 for one that can have no older one on its way.
    back: int = 0  # By so much what is spent has turned out to be less, since the last word that was answered.


@dataclass(frozen=True, slots=True)
class Standing:
    """What a record says of one replica."""

    leased: int = 0
    spent: int = 0
    held: int = 0
    short: int = 0  # What it lacks for the smallest call that waits for it.
    turn: int = 0  # Below 0: nobody has spoken since, and at that Unix time, without its sign, it has left its window.


@dataclass(frozen=True, slots=True)
class Word:
    """What the store answers: what this replica has, and what all the others have together."""

    leased: int
    spent: int
    short: int = 0
    others: Standing = Standing()
    yields: bool = False  # Another one is short whose turn it is to be served before this one.
    learning: bool = False  # The store may have forgotten: until all have said what they have leased, nobody gets more.


class LeaseStore(Protocol):
    """Keeps the records. Every method may raise gateway.core.errors.Unavailable."""

    exclusive: bool  # True if there can be no other replica: then a lease is the whole limit.
    epoch: int  # As of the last `wanted`. Another one than before: it may have forgotten what it was told.

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Word]:
        """Tell and ask, record by record, each atomically. Returns what the records say now, in order."""
        ...

    async def wanted(self, replica: str) -> set[str]:
        """The records of which another replica is short, where this one has leased more than it has spent."""
        ...

    async def records(self, replica: str) -> list[str]:
        """The records on which a replica stands."""
        ...

    async def learn_time(self) -> None:
        """Ask what time it is, where the store has a clock of its own."""
        ...

    async def resume(self, replica: str, spent: Mapping[str, int], turn: int = 0) -> None:
        """A new process has the replica's name: on all records it has leased what it has spent, and no more. Words
        up to this turn that are still on their way are an earlier process's, and too late; and so is this one, on a
        record that has heard a later word of the same process."""
        ...


class PassedThresholds(Protocol):
    """Keeps what was told about limits. Every method may raise gateway.core.errors.Unavailable."""

    async def claim(self, events: Sequence[Passed]) -> list[Passed]:
        """Keep those that nobody has claimed yet, by their names. Returns them: it is for the caller to tell them.
        What raises may be asked again: no event is lost by it."""
        ...

    async def told(self) -> list[Passed]:
        """All that are kept, in the order in which they were noticed."""
        ...


def in_order(events: Iterable[bytes]) -> list[Passed]:
    """Events as they are kept, by when they were noticed."""
    return sorted(map(_passed.decode, events), key=lambda event: (event.at, event.node, event.percent, event.name))


def grant(record: Mapping[str, Standing], replica: str, ask: Ask) -> Standing:
    """The rule: all leases together never pass the limit, and money that is spent stays leased. Nor is anything taken
    from a replica that it means to keep, where a limit has become smaller: it may be in use by now.

    What a replica has spent shrinks only by what it says to have corrected, whatever else it says, but in a rolling
    window; and a late word is an old one.
    """
    mine = record.get(replica, Standing())
    if 0 < ask.turn <= mine.turn:
        return mine
    others = [standing for name, standing in record.items() if name != replica]
    spent = ask.spent if length(ask.record) else max(ask.spent, mine.spent - ask.back)
    room = max(0, ask.limit - sum(max(s.leased, s.spent) for s in others))
    leased = min(ask.want, max(room, min(mine.leased, ask.keep)))
    if ask.least > room:
        leased = min(mine.leased, ask.keep, leased)  # A part is of no use here, and may be what others lack.
    elif not any(s.short for s in others):
        leased += max(0, min(ask.ahead, (room - leased) // (2 * len(others) + 2)))
    leased = max(leased, spent)
    return Standing(leased, spent, ask.held, max(0, ask.least - leased), ask.turn)


def left_behind(record: str, spent: int, now: float, turn: int = 0) -> Standing:
    """What stands for a replica that does not speak, and may never do so again: as much is leased as it has spent. In a
    rolling window that counts until all of it has left."""
    seconds = length(record)
    return Standing(spent, spent, turn=-ceil(now + width(seconds) + seconds) if seconds else turn)


def heard_more(standing: Standing, turn: int) -> bool:
    """Of the process that says with this number what it has spent at its start: it has said it before, in vain for all
    that it knew, and this is the late one. Another process's number may be a higher one, too: of a home that was put
    back from a backup."""
    return 0 < turn <= standing.turn and turn >> TURN_BITS == standing.turn >> TURN_BITS


def counting(record: Mapping[str, Standing], now: float) -> dict[str, Standing]:
    """What still counts of a record."""
    return {name: standing for name, standing in record.items() if standing.turn >= 0 or now < -standing.turn}


def word(record: Mapping[str, Standing], replica: str) -> Word:
    """What a record says to one of its replicas. Of two that are short, the first by name is served first."""
    mine = record[replica]
    others = [standing for name, standing in record.items() if name != replica]
    together = Standing(
        leased=sum(max(s.leased, s.spent) for s in others),
        spent=sum(s.spent for s in others),
        held=sum(s.held for s in others),
    )
    yields = bool(mine.short) and any(s.short for name, s in record.items() if name < replica)
    return Word(mine.leased, mine.spent, mine.short, together, yields)
