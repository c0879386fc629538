"""The entry of an attempt under way: what is booked if we die now."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome, Shape
from gateway.core.occupied import Occupied
from gateway.core.price import Cost, Price
from gateway.core.rating import Decided
from gateway.core.route import Candidate
from gateway.core.usage import Usage
from gateway.fleet.meter import Occupancy

UNKNOWN = Usage(final=False)

RAW_BYTES_MAX = 16 << 10
"""Of a usage as the provider wrote it. Real ones have a few hundred; a longer one is not kept."""


class Trip(Struct, frozen=True):
    """What all entries of one request have in common."""

    request_id: str
    caller: Caller
    asked_model: str
    stream: bool
    session: str = ""
    shape: Shape = Shape()


class Destination(Protocol):
    """Where an attempt goes, as far as its books care."""

    @property
    def candidate(self) -> Candidate: ...  # noqa: D102 - of a routing decision, or the only one there is

    @property
    def price(self) -> Price | None: ...  # noqa: D102 - None where it is not known

    def occupancy(self, *, stream: bool) -> Occupancy | None: ...  # noqa: D102 - of a machine that is paid by the hour


def unresolved(
    trip: Trip,
    candidate: Candidate,
    reason: str,
    worst: Cost,
    decided: Decided,
    *,
    entry_id: str,
    at: float,
    held_nanos: int,
    charges: tuple[tuple[str, int], ...],
    replica: str,
    occupied: Occupied | None = None,
) -> Entry:
    """An attempt that begins: charged at its full hold, for nobody knows what it will come to."""
    return Entry(
        id=entry_id,
        request_id=trip.request_id,
        at=at,
        caller=trip.caller,
        asked_model=trip.asked_model,
        provider=candidate.provider,
        model=candidate.model,
        served_model=candidate.model,
        tier=candidate.tier,
        selfhosted=candidate.selfhosted,
        reason=reason,
        usage=UNKNOWN,
        cost=worst,
        held_nanos=held_nanos,
        outcome=Outcome.UNRESOLVED,
        status=0,
        stream=trip.stream,
        session=trip.session,
        charges=charges,
        replica=replica,
        shape=trip.shape,
        policy=decided.policy,
        cluster=decided.cluster,
        arm=decided.arm,
        backend=candidate.backend,
        occupied=occupied,
    )


def stored(raw: bytes) -> str:
    """A usage object as text for the ledger. Providers may send what is not UTF-8, or far too much."""
    return raw.decode(errors="replace") if len(raw) <= RAW_BYTES_MAX else ""
