"""Entries that correct others. History is never edited: what is corrected stays, and the correction has its account,
caller and moment, so that windows, days and bills of that time are right, also after they have ended. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from gateway.core.entry import Entry, Outcome
from gateway.core.limit import TOKENS, Fare, Unit, account_unit
from gateway.core.price import Cost
from gateway.core.usage import Usage

NOTHING_USED = Usage(requests=0)
"""A correction is no call: what was used was counted by the entry that it corrects."""


def correction(
    entry: Entry,
    number: str,
    reason: str,
    cost: Cost,
    *,
    now: float,
    charges: Iterable[tuple[str, int]] = (),
    usage: Usage = NOTHING_USED,
) -> Entry:
    """The entry that changes what the books say of this one, by a cost that may be negative. `charges`: by what it
    changes what limits have counted. `number`: what its id ends with; recorded twice, it counts once."""
    return replace(
        entry,
        id=f"{entry.id}~{number}",
        reason=reason,
        usage=usage,
        cost=cost,
        held_nanos=0,
        outcome=Outcome.ADJUSTED,
        saved_nanos=0,
        first_token_ms=None,
        duration_ms=0,
        attempts=(),
        charges=tuple(charges),
        usage_raw="",
        parts=(),
        clamped=False,
        adjusts=entry.id,
        adjusted_at=now,
        occupied=None,
    )


def corrected(entry: Entry, usage: Usage, cost: Cost, tier: str, *, now: float) -> Entry:
    """The difference between what an entry charged, which was a bound, and this cost. Its counters are what was used,
    for the first entry has none."""
    actual = Fare(cost.known.nanos_up, usage.input_total, usage.output_total)
    charges = []
    for name, charged in entry.charges:
        unit = Unit(account_unit(name))
        if unit is Unit.USD or unit in TOKENS:
            charges.append((name, actual.in_unit(unit) - charged))
    known = cost.total is not None or entry.cost.total is not None
    difference = replace(cost, total=cost.known - entry.cost.known if known else None)
    changed = [(name, amount) for name, amount in charges if amount]
    used = replace(usage, requests=0)
    made = correction(entry, "1", "the batch has ended", difference, now=now, charges=changed, usage=used)
    return replace(made, service_tier=tier)
