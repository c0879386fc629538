"""Who pays for a machine's time: what it costs by the second is divided between the calls in flight, by weight. Pure
but for what it remembers; the time, in Unix nanoseconds, is an argument.

A joining or leaving call costs the same few steps however many are in flight, by virtual time as in fair queueing
(Parekh and Gallager, "A Generalized Processor Sharing Approach to Flow Control", IEEE/ACM ToN 1(3), 1993): the clock
knows what a call of weight 1 that was there from the beginning would owe, and a call of weight w that came at V₁ and
left at V₂ owes w·(V₂ − V₁).

Nothing is lost by rounding. V is cut to `FINE_BITS` binary places, so that shares are too small by less than a
millionth of a pico-dollar, and who leaves an empty machine behind takes what is left of the busy time. Amounts become
whole pico-dollars as differences of one sum, in the order in which they are told. So whenever nobody is in flight, what
calls owe, what others used and what nobody did is what the machine is owed, to the pico-dollar.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.fleet.rate import PER_PICO, Rate

FINE_BITS = 32


class Owed(NamedTuple):
    """What a call owes, in pico-dollars."""

    picos: int
    first: int  # Of it, until its weight first changed; 0 where it never did.


class Share:
    """One call's part in a machine."""

    __slots__ = ("_first", "_mark", "_units", "weight")

    def __init__(self, weight: int, mark: int) -> None:
        self.weight = weight
        self._mark = mark  # The virtual time up to which `_units` counts.
        self._units = 0
        self._first: int | None = None  # Of them, with the first weight.

    def count(self, virtual: int) -> int:
        """What it owes up to a virtual time, in units with `FINE_BITS` binary places."""
        self._units += self.weight * (virtual - self._mark)
        self._mark = virtual
        return self._units

    def weigh(self, weight: int, virtual: int) -> None:
        """It counts so much from here on."""
        units = self.count(virtual)
        if self._first is None:
            self._first = units
        self.weight = weight

    @property
    def first(self) -> int:
        """As `count`, of the time with its first weight; 0 where it has no other."""
        return self._first or 0


class CostClock:
    """See the module. Weights are whole and more than none. Set back, it stands still until its time has come again."""

    def __init__(self, rate: Rate, now_ns: int) -> None:
        self._rate = rate
        self._now = now_ns
        self._picos, self._until = rate.at(now_ns)
        self._virtual = 0  # Units for a weight of 1, with FINE_BITS binary places.
        self._weight = 0  # Of all in flight.
        self._shares = 0  # How many.
        self._busy = 0  # Units since somebody is in flight that nobody was told to owe.
        self._told = 0  # Units that somebody was told to owe.
        self._others: Share | None = None
        self.attributed = 0  # Pico-dollars that calls owe which have left,
        self.foreign = 0  # that calls of others would, and
        self.idle = 0  # when nobody was in flight.

    @property
    def in_flight(self) -> int:
        """Calls that are there, those of others not counted."""
        return self._shares - (self._others is not None)

    def join(self, weight: int, now_ns: int) -> Share:
        """A call leaves for the machine."""
        self._advance(now_ns)
        share = Share(weight, self._virtual)
        self._weight += weight
        self._shares += 1
        return share

    def weigh(self, share: Share, weight: int, now_ns: int) -> None:
        """A call asks for more or less of the machine from now on, as where it begins to write."""
        self._advance(now_ns)
        self._weight += weight - share.weight
        share.weigh(weight, self._virtual)

    def leave(self, share: Share, now_ns: int) -> Owed:
        """A call has ended. What it owes."""
        units, first = self._gone(share, now_ns)
        told = self._tell(units)
        self.attributed += told
        return Owed(told, min(told, first // PER_PICO))

    def drop(self, share: Share, now_ns: int) -> None:
        """A call has ended, and is not charged for: nobody used what it had."""
        units, _ = self._gone(share, now_ns)
        self.idle += self._tell(units)

    def owes(self, share: Share, now_ns: int) -> int:
        """What a call that is in flight owes until now, in pico-dollars."""
        self._advance(now_ns)
        return (share.count(self._virtual) >> FINE_BITS) // PER_PICO

    def others(self, weight: int, now_ns: int) -> None:
        """Calls that are not ours have this weight together from now on: they pay for themselves."""
        self._advance(now_ns)
        if self._others is not None and weight:
            self.weigh(self._others, weight, now_ns)
        elif self._others is not None:
            units, _ = self._gone(self._others, now_ns)
            self.foreign += self._tell(units)
            self._others = None
        elif weight:
            self._others = self.join(weight, now_ns)

    def _gone(self, share: Share, now_ns: int) -> tuple[int, int]:
        """Units that a leaving share has had, and those of them with its first weight."""
        self._advance(now_ns)
        self._weight -= share.weight
        self._shares -= 1
        units = share.count(self._virtual) >> FINE_BITS if self._shares else self._busy
        self._busy -= units
        return units, share.first >> FINE_BITS

    def _advance(self, now_ns: int) -> None:
        while self._now < now_ns:
            until = min(now_ns, self._until)
            owed = self._picos * (until - self._now)
            if self._weight:
                self._virtual += (owed << FINE_BITS) // self._weight
                self._busy += owed
            else:
                self.idle += self._tell(owed)
            self._now = until
            if until == self._until:
                self._picos, self._until = self._rate.at(until)

    def _tell(self, units: int) -> int:
        """Units as pico-dollars. All that were told are the pico-dollars of their sum."""
        before = self._told // PER_PICO
        self._told += units
        return self._told // PER_PICO - before
