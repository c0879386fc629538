"""Made-up calls, as a ledger would have them."""

from __future__ import annotations

from itertools import count

from charges import entry, flat
from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus, Price, Schedule
from gateway.core.usage import Usage

_number = count(1)


def call(at=0.0, usd="0.01", *, team="", user="", tags=(), price_id=None, **more):
    """One call that cost that much; None for one without a price."""
    name = f"r{next(_number)}"
    cost = Cost(None, CostStatus.UNPRICED) if usd is None else Cost(Money.usd(usd), CostStatus.EXACT, price_id)
    caller = Caller("key", "org", team, user, tags)
    return entry(id=f"{name}.1", request_id=name, at=at, caller=caller, cost=cost, **more)


def adjusted(earlier, usd):
    """What makes an earlier call dearer by that much."""
    cost = Cost(Money.usd(usd), CostStatus.EXACT)
    return replace(
        earlier, id=f"{earlier.id}~1", cost=cost, outcome=Outcome.ADJUSTED, adjusts=earlier.id, usage=Usage()
    )


def price(name, picos, **tiers):
    """The same rate for every class; by tier in `tiers`."""
    return Price(name, Schedule(flat(picos)), {tier: Schedule(flat(rate)) for tier, rate in tiers.items()})


def priced(rates, usage, **more):
    """A call that was booked at this price."""
    cost = rates.of(usage)
    return replace(call(usage=usage, **more), cost=cost)
