"""A booking and the machine that its attempt goes to: however the attempt ends, its place there is given back."""

import asyncio
from types import SimpleNamespace

import pytest
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.entry import Outcome
from gateway.core.limit import Fare
from gateway.core.money import Money
from gateway.core.price import UNPRICED
from gateway.core.route import Candidate
from gateway.fleet.meter import Meter
from gateway.fleet.rate import SECOND_NS, constant
from gateway.journey.booking import Booking
from gateway.journey.books import Books
from gateway.journey.draft import Trip
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases

HELD = Fare(10**10)


class Machine:
    """One that costs a dollar a second, and a clock that is set by hand."""

    def __init__(self, folder):
        self.now, self.booked = 1000.0, []
        journal = Journal(folder / "journal", SYNC_NEVER)
        leases = Leases(MemoryStore(), "replica", self.nothing)
        self.books = Books(Limits([], leases, self.clock), journal, self.clock, self.booked.append)
        self.meter = Meter("local@a:1", constant(3600 * 10**12), 2000, 20, int(1000 * SECOND_NS))

    async def nothing(self, names):
        return dict.fromkeys(names, 0)

    def clock(self):
        return self.now

    def booking(self):
        return Booking(self.books, Trip("r1", Caller(), "m", stream=True))

    async def begin(self, booking):
        candidate = Candidate("local@a:1/m", "local", "m", "standard", True, None, None, backend="a:1")
        occupancy = self.meter.occupancy(uncached=100, context=100, output=10, stream=True)
        option = SimpleNamespace(candidate=candidate, price=None, occupancy=lambda *, stream: occupancy)
        await booking.begin(option, "the only one", HELD, UNPRICED)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


async def test_an_attempt_that_left_and_came_to_nothing_leaves_nobody_behind(machine):
    with machine.booking() as booking:
        await machine.begin(booking)
        booking.leaving()
        machine.now += 2
        booking.void("not reached, the second time")
        assert machine.meter.clock.in_flight == 0
        assert machine.meter.clock.idle == 2 * 10**12


async def test_one_that_is_refused_owes_nothing_and_the_next_all_of_its_own(machine):
    with machine.booking() as booking:
        await machine.begin(booking)
        booking.leaving()
        machine.now += 1
        booking.refused()
        booking.void("status 503")
        await machine.begin(booking)
        booking.leaving()
        machine.now += 1
        assert booking.share == Money(10**12)
        entry = booking.settle_in_full(Outcome.CUT, 200)
    assert entry.cost.total == Money(10**12)
    assert entry.cost.status == "estimated"


async def test_what_another_booking_has_under_way_goes_on_at_the_machine(machine):
    with machine.booking() as booking:
        other = booking.beside()
        await machine.begin(other)
        other.leaving()
        machine.now += 1
        booking.take(other)
        booking.writing()
        machine.now += 1
        assert other.share is None
        entry = booking.settle_in_full(Outcome.CUT, 200)
    assert (entry.cost.input, entry.cost.output) == (Money(10**12), Money(10**12))
    assert entry.occupied.first_token_ns == 1001 * SECOND_NS
    assert machine.meter.clock.in_flight == 0


async def test_a_caller_that_leaves_owes_until_then(machine):
    booking = machine.booking()
    await machine.begin(booking)
    booking.leaving()
    machine.now += 3
    booking.__exit__(asyncio.CancelledError, asyncio.CancelledError(), None)
    (entry,) = machine.booked
    assert (entry.outcome, entry.cost.total) == (Outcome.HUNG_UP, Money(3 * 10**12))


async def test_more_than_is_held_is_not_booked_before_the_hour_is_closed(machine):
    with machine.booking() as booking:
        await machine.begin(booking)
        booking.leaving()
        machine.now += 60
        entry = booking.settle_in_full(Outcome.FAILED, 502)
    assert entry.cost.total == Money.of_nanos(HELD.nanos)
    assert entry.occupied.ended_ns - entry.occupied.began_ns == 60 * SECOND_NS
