"""What a batch has come to, as the entry that corrects the one which charged its bound. Pure.

As with prices applied anew (`rerate.py`) the first entry stays, and the correction has its account, caller and moment:
so windows, days and bills of the time when the batch was made are right, also after they have ended.
"""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.entry import Entry, Outcome
from gateway.core.limit import TOKENS, Fare, Unit, account_unit
from gateway.core.price import Cost
from gateway.core.usage import Usage


def corrected(entry: Entry, usage: Usage, cost: Cost, tier: str, *, now: float) -> Entry:
    """The difference between what the entry charged and this cost. Its counters are the batch's, whose first entry has
    none. Its id is the same however often it is made."""
    actual = Fare(cost.known.nanos_up, usage.input_total, usage.output_total)
    charges = []
    for name, charged in entry.charges:
        unit = Unit(account_unit(name))
        if unit is Unit.USD or unit in TOKENS:
            charges.append((name, actual.in_unit(unit) - charged))
    known = cost.total is not None or entry.cost.total is not None
    return replace(
        entry,
        id=f"{entry.id}~1",
        reason="the batch has ended",
        usage=replace(usage, requests=0),
        cost=replace(cost, total=cost.known - entry.cost.known if known else None),
        service_tier=tier,
        held_nanos=0,
        outcome=Outcome.ADJUSTED,
        duration_ms=0,
        attempts=(),
        charges=tuple((name, amount) for name, amount in charges if amount),
        adjusts=entry.id,
        adjusted_at=now,
    )
