"""One request on the books: its hold on the limits, and the journal line of the attempt under way.

    begin ─▶ leaving ─▶ (extend …) ─▶ settle    the provider took the call: booked at what it cost
        │       │
        └───────┴─▶ void ─▶ begin again …       no provider has charged: the hold stays for the next attempt

`leaving` is the point of no return: from then on the provider may charge, until it `refused`. Leaving the
block behind it, however that happens, books all that is held. Leaving it before gives all back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from gateway.cache.flights import Flight
from gateway.core.entry import Entry, Outcome, Part
from gateway.core.errors import GatewayError
from gateway.core.limit import Fare
from gateway.core.money import Money
from gateway.core.price import Cost, Price
from gateway.core.prompt_note import PromptNote
from gateway.core.rating import NOT_DECIDED
from gateway.core.usage import Report, Usage
from gateway.fleet.meter import Occupancy
from gateway.journey.books import Books
from gateway.journey.draft import UNKNOWN, Destination, Trip, stored, unresolved
from gateway.limits.accounts import Account
from gateway.limits.chain import Room
from gateway.limits.holds import NOTHING, Hold
from gateway.limits.line import Spot
from gateway.telemetry.metrics import NOT_SENT


class Booking:
    """See the module. `with Booking(…)`; everything but `begin` is done without waiting."""

    def __init__(self, books: Books, trip: Trip, ceiling: Account | None = None, flight: Flight | None = None) -> None:
        self._books = books
        self._ceiling = ceiling  # Of all attempts together.
        self.flight = flight  # To be told that something was booked.
        self._trip = trip
        self._hold: Hold | None = None
        self._draft: Entry | None = None
        self._fare = NOTHING  # Of the attempt under way. The hold may be larger, from an attempt before it.
        self._began = 0.0  # The attempt under way, on the monotonic clock.
        self._numbers = count(1)  # Of attempts.
        self._left = False  # The attempt under way has, and was not refused.
        self.expect_caller: Callable[[], None] = lambda: None  # Raises ConnectionError where nobody waits for it.
        self._occupancy: Occupancy | None = None  # Of the machine that the attempt under way goes to.
        self.decided = NOT_DECIDED  # What its entries say of the decision.
        self.spot: Spot | None = None  # In a line, while it waits for room.
        self.passed: tuple[Account, ...] = ()  # Limits that would have refused it, and refuse nothing.
        self.tried: list[str] = []
        self.entry: Entry | None = None  # What the attempt under way, or the last one, was settled as.
        self.entries: list[Entry] = []  # All that was settled here.

    async def begin(self, option: Destination, reason: str, fare: Fare, worst: Cost, *, patient: bool = True) -> None:
        """Set the fare aside and write down that the call may leave. `patient`: what other replicas may give back is
        waited for. Raises LimitReached or Unavailable."""
        assert self._draft is None, "one attempt at a time"
        limits, caller, place = self._books.limits, self._trip.caller, option.candidate.place
        if self._hold is None:
            self._hold = await limits.hold(caller, fare, self._ceiling, place, spot=self.spot, patient=patient)
            self.passed = self._hold.passed
        else:
            await limits.move(self._hold, caller, place, fare)
        self._fare, self._left, self.entry = fare, False, None
        self._occupancy = option.occupancy(stream=self._trip.stream)
        draft = self._draft = self._unresolved(option, reason, worst)
        self._began = self._books.monotonic()
        if option.price is not None:
            self.note(option.price)
        try:
            await self._books.journal.open(draft)
        except BaseException:
            self._draft = None
            self._books.journal.void(draft)
            raise

    def beside(self) -> Booking:
        """Another attempt of the same request, at the same time: with a hold of its own, under the same ceiling."""
        other = Booking(self._books, self._trip, self._ceiling, self.flight)
        other._numbers, other.decided, other.expect_caller = self._numbers, self.decided, self.expect_caller
        return other

    def take(self, other: Booking) -> None:
        """Go on with what the other one has under way or holds; nothing is left there."""
        assert self._draft is None, "one attempt at a time"
        assert self._hold is None, "one hold at a time"
        self._hold, self._draft, other._hold, other._draft = other._hold, other._draft, None, None
        self._fare, self._left, self.entry, self.tried = other._fare, other._left, other.entry, other.tried
        self._began = other._began
        self.entries, other.entries = self.entries + other.entries, []
        self._occupancy, other._occupancy = other._occupancy, None

    async def room(self) -> Room:
        """What the limits, and the call's own ceiling, leave to it. Raises Unavailable."""
        return await self._books.limits.room(self._trip.caller, self._ceiling)

    def note(self, price: Price) -> None:
        """The entry may be booked at this price: its rates are kept with the books."""
        self._books.journal.note(price)

    def extend(self, fare: Fare, worst: Cost) -> None:
        """Hold more for the attempt under way. Raises LimitReached or Unavailable; then what was held stays held."""
        assert self._hold is not None
        assert self._draft is not None
        self._hold.raise_to(fare, self._books.clock())
        charges = self._hold.charges_for(fare)
        draft = replace(self._draft, cost=worst, held_nanos=fare.nanos, charges=charges)
        self._books.journal.extend(draft)
        self._draft, self._fare = draft, fare

    def leaving(self) -> None:
        """Its first byte goes out now. Raises ConnectionError where nobody waits for it: then it does not."""
        self.expect_caller()
        self._left = True
        if self._occupancy is not None:
            self._occupancy.leaves(self._now_ns)

    def writing(self) -> None:
        """The first piece of its stream has come."""
        if self._occupancy is not None:
            self._occupancy.writes(self._now_ns)

    def refused(self) -> None:
        """The provider answered with an error, which it never charges for."""
        self._left = False
        if self._occupancy is not None:
            self._occupancy.dropped(self._now_ns)

    def wait_for_room(self, fare: Fare) -> Coroutine[Any, Any, None] | None:
        """Something to wait for, after which `extend` may come to this fare; None where that would not help."""
        assert self._hold is not None
        return self._books.limits.wait_for_room(self._hold, fare)

    def void(self, why: str) -> None:
        """The attempt came to nothing and no provider has charged. The hold stays for the next one."""
        assert self._draft is not None
        self._books.journal.void(self._draft)
        if self._books.voided is not None:
            self._books.voided(self._draft, why)
        if self._occupancy is not None:  # It may have left in a connection that was closed, and then reached nobody.
            self._occupancy.dropped(self._now_ns)
        self._draft = self._occupancy = None
        self.tried.append(why)

    def left_behind(self) -> None:
        """The call ends before the attempt under way is settled. Whoever asks the same again must not be charged for
        it a second time, as if nothing had been booked."""
        if self.flight is not None:
            self.flight.charged = True

    def settle(
        self,
        outcome: Outcome,
        status: int,
        *,
        usage: Usage,
        cost: Cost,
        report: Report,
        first_token_ms: int | None,
        parts: tuple[Part, ...] = (),
        prompt: PromptNote | None = None,
        saved_nanos: int = 0,
    ) -> Entry:
        """The attempt is over and this is what it came to."""
        return self._book(
            Fare(cost.known.nanos_up, usage.input_total, usage.output_total, requests=1, concurrent=0),
            outcome=outcome,
            status=status,
            usage=usage,
            cost=cost,
            served_model=report.model or self.draft.model,
            service_tier=report.service_tier or "",
            first_token_ms=first_token_ms,
            usage_raw=stored(report.raw),
            parts=parts,
            clamped=report.clamped,
            answer_id=report.answer_id,
            prompt=prompt,
            saved_nanos=saved_nanos,
        )

    def settle_in_full(self, outcome: Outcome, status: int) -> Entry:
        """The attempt is over and nobody knows what it came to: book all that is held."""
        return self._book(replace(self._fare, concurrent=0), outcome=outcome, status=status)

    @property
    def share(self) -> Money | None:
        """What the attempt under way owes for its time at a machine, until now; None where tokens are charged."""
        return None if self._occupancy is None else self._occupancy.owes(self._now_ns)

    @property
    def has_left(self) -> bool:
        """Whether a provider may charge for the attempt under way."""
        return self._draft is not None and self._left

    @property
    def destination(self) -> str:
        """The name of the deployment that the attempt under way goes to; empty where there is none."""
        return "" if self._draft is None else self._draft.deployment

    @property
    def under_way(self) -> bool:
        """Whether an attempt has begun that is neither settled nor void."""
        return self._draft is not None

    @property
    def draft(self) -> Entry:
        """The attempt under way, as it would be booked if we died now."""
        assert self._draft is not None
        return self._draft

    @property
    def elapsed_ms(self) -> int:
        """For how long the attempt has been under way."""
        return round((self._books.monotonic() - self._began) * 1000)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._draft is not None and not self._left:
            self.void(NOT_SENT)
        elif self._draft is not None:
            hung_up = isinstance(error, asyncio.CancelledError)
            status = 499 if hung_up else error.status if isinstance(error, GatewayError) else 500
            self.settle_in_full(Outcome.HUNG_UP if hung_up else Outcome.FAILED, status)
        if self._hold is not None:
            self._hold.void()

    def _book(self, fare: Fare, **outcome: Any) -> Entry:
        assert self._hold is not None
        draft = self.draft
        if self._occupancy is not None:
            fare, outcome = self._shared(self._occupancy, fare, outcome)
        charges = self._hold.settle(fare)
        self._hold = self._draft = self._occupancy = None
        entry = replace(draft, charges=charges, duration_ms=self.elapsed_ms, attempts=tuple(self.tried), **outcome)
        self.entry = entry
        self.entries.append(entry)
        if self.flight is not None:
            self.flight.charged = True
        self._books.book(entry)
        return entry

    def _shared(self, occupancy: Occupancy, fare: Fare, outcome: dict[str, Any]) -> tuple[Fare, dict[str, Any]]:
        """It owes for its time at the machine, however it ended and whatever its tokens would have cost."""
        held = Money.of_nanos(self._fare.nanos)
        cost, occupied = occupancy.settled(outcome.get("usage", UNKNOWN), held, self._now_ns)
        return replace(fare, nanos=cost.known.nanos_up), outcome | {"cost": cost, "parts": (), "occupied": occupied}

    @property
    def _now_ns(self) -> int:
        return int(self._books.clock() * 1e9)

    def _unresolved(self, option: Destination, reason: str, worst: Cost) -> Entry:
        assert self._hold is not None
        at = self._books.clock()
        return unresolved(
            self._trip,
            option.candidate,
            reason,
            worst,
            self.decided,
            entry_id=f"{self._trip.request_id}.{next(self._numbers)}",
            at=at,
            held_nanos=self._fare.nanos,
            charges=self._hold.charges_for(self._fare),
            replica=self._books.replica,
            occupied=None if self._occupancy is None else self._occupancy.told(int(at * 1e9)),
        )
