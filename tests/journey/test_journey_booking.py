"""How long an attempt took, on a clock that is set while it is under way."""

from types import SimpleNamespace

import pytest
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.entry import Outcome
from gateway.core.limit import Fare
from gateway.core.price import UNPRICED
from gateway.core.route import Candidate
from gateway.journey.booking import Booking
from gateway.journey.books import Books
from gateway.journey.draft import Trip
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases

CANDIDATE = Candidate("p/m", "p", "m", "standard", selfhosted=False, cost_likely=None, cost_worst=None)
OPTION = SimpleNamespace(candidate=CANDIDATE, price=None, occupancy=lambda *, stream: None)


class Clocks:
    """Two that are set by hand: the machine's, and one that only goes on."""

    def __init__(self, folder):
        self.now, self.steady = 1_800_000_000.0, 50.0
        journal = Journal(folder / "journal", SYNC_NEVER)
        limits = Limits([], Leases(MemoryStore(), "replica", None), self.clock)
        self.books = Books(limits, journal, self.clock, lambda _: None, monotonic=lambda: self.steady)

    def clock(self):
        return self.now


@pytest.mark.parametrize("beside", [False, True])
async def test_a_clock_that_is_set_back_makes_no_attempt_shorter(tmp_path, beside):
    """Not in the ledger, nor for who measures a stream; also where it goes on in another booking."""
    clocks = Clocks(tmp_path)
    with Booking(clocks.books, Trip("r1", Caller(), "m", stream=True)) as booking:
        first = booking.beside() if beside else booking
        await first.begin(OPTION, "the only one", Fare(10), UNPRICED)
        if beside:
            booking.take(first)
        clocks.now -= 3600
        clocks.steady += 0.25
        assert booking.elapsed_ms == 250
        clocks.steady += 0.5
        entry = booking.settle_in_full(Outcome.CUT, 200)
    assert (entry.duration_ms, entry.at) == (750, 1_800_000_000.0)
