"""Which way a call goes that has time. Pure: same arguments, same choice.

The cheapest way is taken that can end in time. One that may open later (an hour with a lower price, an idle machine)
is waited for as long as the next best can still be taken after it. From the switch on, which is the deadline less what
such calls take, only the ordinary way is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

from gateway.core.money import Money

LOOK_AGAIN_S = 5.0
"""How often it is looked whether a machine is idle."""


class Way(StrEnum):
    """How a call can be answered, in the order in which equals are taken."""

    IDLE = "idle"  # By a machine of one's own that has nothing else to do.
    SYNC = "sync"  # As any other call.
    OFF_PEAK = "off-peak"  # The same, in hours with a lower price.
    FLEX = "flex"  # In the provider's flex tier: slower, and it may be refused.
    BATCH = "batch"  # In a batch of the provider's.


class Offer(Struct, frozen=True):
    """One way for one call."""

    way: Way
    name: str  # Of the deployment.
    provider: str
    cost: Money | None  # That is likely; None: nobody knows.
    opens: float | None = 0.0  # Unix seconds from when it is there; None: nobody knows when.
    takes_s: float = 0.0  # That it must be given before the switch.


class Choice(Struct, frozen=True):
    """What to do now."""

    offer: Offer
    at: float  # When to go; or, where that is later than now, when to choose again.
    reason: str


def choose(offers: Sequence[Offer], now: float, switch_at: float) -> Choice:
    """The choice. One of the offers is the ordinary way, which is always there."""
    sync = next(offer for offer in offers if offer.way is Way.SYNC)
    if now >= switch_at:
        return Choice(sync, now, "the deadline leaves no time for a cheaper way")
    open_now = [offer for offer in offers if _in_time(offer, now, switch_at, now)]
    best = min([*open_now, sync], key=_order)
    last_moment = switch_at - best.takes_s  # Of going that way.
    cheaper = [offer for offer in offers if offer not in open_now and _order(offer) < _order(best)]
    for offer in sorted(cheaper, key=_order):
        if offer.opens is None and now + LOOK_AGAIN_S <= last_moment:
            return Choice(offer, now + LOOK_AGAIN_S, f"waits for {offer.name} to be idle: {_against(offer, sync)}")
        if offer.opens is not None and _in_time(offer, offer.opens, switch_at, now):
            return Choice(
                offer, offer.opens, f"waits for {offer.way} at {_clock(offer.opens)}: {_against(offer, sync)}"
            )
    if best.way is Way.SYNC:
        return Choice(best, now, f"no cheaper way than at once at {best.name}")
    return Choice(best, now, f"{best.way} at {best.name}: {_against(best, sync)}, else at once at {_clock(switch_at)}")


def _in_time(offer: Offer, begin: float, switch_at: float, now: float) -> bool:
    """Whether it is there at that moment, and may end before the switch."""
    if offer.way is Way.SYNC:
        return True
    return offer.opens is not None and max(offer.opens, now) <= begin and begin + offer.takes_s <= switch_at


def _order(offer: Offer) -> tuple[bool, int, int]:
    """Cheapest first. What nobody knows the cost of is no bargain."""
    cost = offer.cost
    return cost is None, 0 if cost is None else cost.picos, list(Way).index(offer.way)


def _against(offer: Offer, sync: Offer) -> str:
    if offer.cost is None or sync.cost is None:
        return "costs are not known"
    if offer.cost == sync.cost:
        return f"likely {offer.cost}, as at once"
    return f"likely {offer.cost} instead of {sync.cost}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")
