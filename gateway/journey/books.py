"""Where a call is written down: what it holds and comes to on limits, and its entry."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.entry import Entry
from gateway.ledger.journal import Journal
from gateway.limits.chain import Limits


@dataclass(frozen=True, slots=True)
class Books:
    """`booked` hears of every entry, `voided` of every attempt that nobody charges for, and why. `alone`: no other
    process shares these limits, so that the accounts of earlier ones are here, too."""

    limits: Limits
    journal: Journal
    clock: Callable[[], float]
    booked: Callable[[Entry], None]
    replica: str = ""
    voided: Callable[[Entry, str], None] | None = None
    alone: bool = True
    monotonic: Callable[[], float] = time.perf_counter  # For durations: the other clock may be set while a call runs.

    def book(self, entry: Entry) -> None:
        """The ledger gets it, and everybody hears of it."""
        self.journal.settle(entry)
        self.booked(entry)

    def correct(self, correction: Entry) -> None:
        """The same, of what changes an earlier entry; accounts that are here change with it. The ledger tells others
        of theirs."""
        self.journal.settle(correction)
        if self.alone or correction.replica == self.replica:
            self.limits.correct(correction.charges)
        self.booked(correction)
