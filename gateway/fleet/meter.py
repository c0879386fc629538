"""What calls owe to one machine, as they come and go: its clock, and how much of it each call asks for."""

from __future__ import annotations

from gateway.core.money import Money
from gateway.core.occupied import Occupied
from gateway.core.price import Cost, CostStatus, Price
from gateway.core.usage import Usage
from gateway.fleet.ceiling import ceiling, price_id
from gateway.fleet.clock import CostClock, Owed, Share
from gateway.fleet.pace import Pace
from gateway.fleet.rate import PER_PICO, Rate

NOTHING = Owed(0, 0)

CONTEXT_USUAL = 1024
"""Tokens that a call is taken to have in mind of which nothing is known."""


class Meter:
    """See the module. `backend`: its id, "local@10.0.0.5:8000". `prefill`, `decode`: tokens a second that it reads and
    writes for one call alone, at the slowest that is held for."""

    def __init__(self, backend: str, rate: Rate, prefill: int, decode: int, now_ns: int) -> None:
        self.backend = backend
        self.rate = rate
        self.pace = Pace(prefill, decode)
        self._slowest = prefill, decode
        self.clock = CostClock(rate, now_ns)
        self._beyond = 0  # Calls that the engine had beside ours when it was last looked at.

    def price(self, now_ns: int) -> Price:
        """What is held for a token."""
        return ceiling(self.backend, self.rate, *self._slowest, now_ns)

    def saw(self, calls: int, now_ns: int) -> None:
        """The engine has so many calls, ours among them. What is there beside ours twice in a row is somebody else's:
        one look alone may have come between the end of a call here and there."""
        beyond = max(0, calls - self.clock.in_flight)
        surely, self._beyond = min(beyond, self._beyond), beyond
        self.clock.others(surely * self.pace.weights(1, CONTEXT_USUAL)[1], now_ns)

    def occupancy(
        self, *, uncached: int, context: int, output: int, stream: bool, marginal: Money | None = None
    ) -> Occupancy:
        """A call that is about to leave for the machine."""
        prefill, decode = self.pace.weights(uncached, context)
        if not stream:  # Nobody sees when it begins to write: one weight, in between.
            reading, writing = self.pace.seconds(uncached, output)
            prefill, decode = round((prefill * reading + decode * writing) / (reading + writing or 1)) or prefill, 0
        return Occupancy(self, uncached, prefill, decode, marginal)


class Occupancy:
    """One call at the machine. Made before it leaves; over when it is settled or dropped."""

    __slots__ = ("_began", "_decode", "_first", "_marginal", "_meter", "_prefill", "_share", "_uncached")

    def __init__(self, meter: Meter, uncached: int, prefill: int, decode: int, marginal: Money | None) -> None:
        self._meter = meter
        self._uncached = uncached
        self._prefill = prefill
        self._decode = decode
        self._marginal = None if marginal is None else marginal.picos
        self._share: Share | None = None
        self._began = self._first = 0

    def told(self, began_ns: int, ended_ns: int = 0) -> Occupied:
        """What the ledger keeps of it."""
        return Occupied(began_ns, self._prefill, self._decode, self._first, ended_ns, self._marginal)

    def leaves(self, now_ns: int) -> None:
        """Its first byte goes out."""
        if self._share is None:
            self._began = now_ns
            self._share = self._meter.clock.join(self._prefill, now_ns)

    def writes(self, now_ns: int) -> None:
        """Its first token has come."""
        if self._share is not None and self._decode and not self._first:
            self._first = now_ns
            self._meter.clock.weigh(self._share, self._decode, now_ns)

    def owes(self, now_ns: int) -> Money:
        """What it owes until now."""
        return Money(0 if self._share is None else self._meter.clock.owes(self._share, now_ns))

    def dropped(self, now_ns: int) -> None:
        """It came to nothing that is charged."""
        share, self._share = self._share, None
        if share is not None:
            self._meter.clock.drop(share, now_ns)

    def settled(self, usage: Usage, held: Money, now_ns: int) -> tuple[Cost, Occupied]:
        """It is over. What it owes, no more than is held for it: what is more is booked once the hour is closed."""
        share, self._share = self._share, None
        owed = NOTHING if share is None else self._meter.clock.leave(share, now_ns)
        self._began = self._began or now_ns  # It never left.
        now_ns = max(now_ns, self._began)
        self._learn(owed, usage, now_ns)
        picos = min(owed.picos, held.picos)
        first = min(picos, self._reading(owed, usage))
        name = price_id(self._meter.backend, self._meter.rate, self._began)
        cost = Cost(Money(picos), CostStatus.ESTIMATED, name, input=Money(first), output=Money(picos - first))
        return cost, self.told(self._began, now_ns)

    def _reading(self, owed: Owed, usage: Usage) -> int:
        """How much of what it owes is for its prompt, in pico-dollars: until its first token, where it streamed; else
        by how long either would take alone."""
        if self._decode:
            return owed.first if self._first else owed.picos
        reading, writing = self._meter.pace.seconds(self._uncached, usage.output_total)
        return round(owed.picos * reading / (reading + writing or 1))

    def _learn(self, owed: Owed, usage: Usage, now_ns: int) -> None:
        """A call that owes all of a time had the machine alone."""
        if not self._first or not usage.final or usage.requests != 1:
            return
        pace, rate = self._meter.pace, self._meter.rate
        if _alone(rate.owed(self._began, self._first), owed.first):
            pace.read(self._uncached, self._first - self._began)
        if _alone(rate.owed(self._first, now_ns), owed.picos - owed.first):
            pace.wrote(usage.output_total, now_ns - self._first)


def _alone(units: int, picos: int) -> bool:
    """Whether what was owed for a time is what one call owes for it, but for rounding."""
    return units > 0 and units - picos * PER_PICO <= (units >> 20) + 2 * PER_PICO
