"""Pricing settled entries anew. History is never edited: what differs becomes adjusting entries. Pure.

An adjusting entry has the account, the caller and the moment of the one that it adjusts, so that a budget of that
window, a report of that day and a bill of that month are right, also after they have ended. Its amount is the
difference to what was booked before, and its charges the difference to what was charged: so balances stay the sum of
the entries, and the same prices applied twice change nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from gateway.core.costing import at_least, priced, settling_price, with_doubt
from gateway.core.entry import TRAINING, Entry, Outcome
from gateway.core.limit import Unit, account_unit
from gateway.core.money import ZERO, Money
from gateway.core.price import FREE, Cost, CostStatus, Price
from gateway.core.usage import Turn
from gateway.ledger.correction import correction

PriceOf = Callable[[Entry, str], Price | None]
"""The price of a model at an entry's provider, at the moment of that entry."""


class Kept(StrEnum):
    """Why an entry keeps its cost whatever prices say."""

    CACHED = "cached"  # It cost nothing.
    REPORTED = "reported"  # The provider charged that very figure.
    UNCOUNTED = "uncounted"  # Booked at all that was held: there are no counters to price.
    MACHINE = "machine"  # It is time of a machine of ours, which the closing of its hour puts right.
    TRAINING = "training"  # It is time of a training job, at the job's own rate.
    FREE = "free"  # A call that nobody charges for.
    NO_PRICE = "no price"  # The new prices do not know the model.


@dataclass(frozen=True, slots=True)
class Rerated:
    """One settled entry: what it was booked at, adjustments included, and what it costs by the new prices."""

    entry: Entry
    before: Cost
    after: Cost
    adjustment: Entry | None  # None: the books need no change.

    @property
    def difference(self) -> Money:
        """What the books change by."""
        return self.after.known - self.before.known


def rerated(books: Iterable[Entry], price_of: PriceOf, now: float) -> Iterator[Rerated | Kept]:
    """Price every entry anew. `books` holds whole entries of some period with all their adjustments, in any order."""
    originals, adjustments = [], defaultdict(list)
    for entry in books:
        if entry.adjusts:
            adjustments[entry.adjusts].append(entry)
        else:
            originals.append(entry)
    for entry in originals:
        found = cost_of(entry, price_of)
        yield found if isinstance(found, Kept) else _compared(entry, adjustments[entry.id], found, now)


def cost_of(entry: Entry, price_of: PriceOf) -> Cost | Kept:
    """What an entry costs by these prices, from its counters, parts and served conditions. Estimates stay estimates."""
    kept = _kept(entry)
    if kept is not None:
        return kept
    own = settling_price(entry.model, entry.served_model, price_of(entry, entry.model), lambda m: price_of(entry, m))
    turns = [Turn(part.usage, part.model or None, part.doubtful) for part in entry.parts]
    cost, _ = priced(entry.usage, turns, entry.service_tier or None, own, lambda m: price_of(entry, m))
    if cost.total is None:
        return Kept.NO_PRICE
    cost = with_doubt(cost, entry.model, entry.served_model, clamped=entry.clamped)
    return cost if _explained(entry) else at_least(cost, entry.cost.known)


def _kept(entry: Entry) -> Kept | None:
    """Why prices of tokens say nothing about an entry, whichever they are."""
    found = {
        Kept.CACHED: entry.outcome is Outcome.CACHED,
        Kept.MACHINE: entry.of_machine or entry.outcome is Outcome.IDLE,
        Kept.TRAINING: entry.tier == TRAINING,
        Kept.FREE: entry.cost.price_id == FREE.id,
        Kept.REPORTED: entry.cost.status is CostStatus.REPORTED,
        Kept.UNCOUNTED: entry.uncounted,
    }
    return next((why for why, is_so in found.items() if is_so), None)


def _explained(entry: Entry) -> bool:
    """Whether its counters make its cost. Else it is what the provider had said when the stream broke off."""
    cost = entry.cost
    return entry.usage.final or cost.known <= cost.input + cost.cache + cost.output + cost.fees


def _compared(entry: Entry, adjustments: Sequence[Entry], after: Cost, now: float) -> Rerated:
    before = _booked(entry, adjustments)
    if before.total == after.total:
        return Rerated(entry, before, after, None)
    charged: Counter[str] = Counter()
    for each in (entry, *adjustments):
        charged.update(dict(each.charges))
    return Rerated(
        entry, before, after, _adjustment(entry, before, after, charged, number=len(adjustments) + 1, now=now)
    )


def _booked(entry: Entry, adjustments: Sequence[Entry]) -> Cost:
    """What the books say of an entry: itself and its adjustments together. Unpriced only without any."""
    costs = [entry.cost, *(each.cost for each in adjustments)]
    if all(cost.total is None for cost in costs):
        return entry.cost
    last = max(adjustments, key=lambda each: each.adjusted_at, default=entry)
    return replace(
        last.cost,
        total=_sum(cost.known for cost in costs),
        input=_sum(cost.input for cost in costs),
        cache=_sum(cost.cache for cost in costs),
        output=_sum(cost.output for cost in costs),
        fees=_sum(cost.fees for cost in costs),
    )


def _adjustment(entry: Entry, before: Cost, after: Cost, charged: Counter[str], *, number: int, now: float) -> Entry:
    nanos = after.known.nanos_up
    accounts = [name for name in charged if account_unit(name) == Unit.USD]
    charges = [(name, nanos - charged[name]) for name in accounts if nanos != charged[name]]
    difference = Cost(
        total=after.known - before.known,
        status=after.status,
        price_id=after.price_id,
        input=after.input - before.input,
        cache=after.cache - before.cache,
        output=after.output - before.output,
        fees=after.fees - before.fees,
    )
    reason = f"priced anew by {after.price_id}"
    return correction(entry, str(number), reason, difference, now=now, charges=charges)


def _sum(amounts: Iterable[Money]) -> Money:
    return sum(amounts, start=ZERO)
