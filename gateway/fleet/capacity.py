"""How many machines the traffic is worth, and what one more or one less would do to the bill. Pure.

So many equal engines take calls as one queue with so many servers: a call is `usual tokens / pace` seconds of an
engine's work, and the mean wait at a load ρ of k of them is that time, times ρ^(√(2(k+1))-1) / (k(1-ρ)) (Sakasegawa
1977, see `marginal.queueing`). They carry what can come without that wait growing beyond patience; the rest is spilled,
and costs what it does elsewhere:

    bill(k) = k × price of a machine + (asked - carried(k)) × price of a token elsewhere

The number desired is the one with the lowest bill. Where nobody knows what calls cost elsewhere, nothing may be
spilled.
"""

from __future__ import annotations

from math import inf

from msgspec import Struct

from gateway.core.money import Money
from gateway.fleet.marginal import queueing

REPLICAS_MAX = 1_000
"""Nobody has more. It ends a search."""

HOUR_S = 3600


class Traffic(Struct, frozen=True):
    """What was lately asked of a provider's engines, whoever answered it."""

    tokens_per_s: float  # To compute, read and written.
    usual: float  # Tokens of a call.
    per_token: float | None  # Pico-dollars a token costs elsewhere. None: nobody knows, or there is no elsewhere.


class Engine(Struct, frozen=True):
    """One of the provider's machines, all being equal."""

    pace: float  # Tokens a second that it computes.
    picos_per_hour: int
    patience_s: float


class Advice(Struct, frozen=True):
    """See the module. Amounts are what the hourly bill would rise by; None where nobody knows."""

    desired: int
    one_more: Money | None
    one_less: Money | None


def carried(count: int, engine: Engine, usual: float) -> float:
    """Tokens a second that so many engines take without calls waiting for longer than patience, on average."""
    if count <= 0:
        return 0.0
    in_service_s, low, high = usual / engine.pace / count, 0.0, 1.0
    for _ in range(40):
        load = (low + high) / 2
        fits = in_service_s * queueing(load, count) <= engine.patience_s
        low, high = (load, high) if fits else (low, load)
    return low * count * engine.pace


def bill(count: int, traffic: Traffic, engine: Engine) -> float:
    """Pico-dollars an hour; infinite where work is left over and cannot go elsewhere."""
    spilled = max(0.0, traffic.tokens_per_s - carried(count, engine, traffic.usual))
    if not spilled:
        return float(count * engine.picos_per_hour)
    if traffic.per_token is None:
        return inf
    return count * engine.picos_per_hour + spilled * traffic.per_token * HOUR_S


def advised(count: int, traffic: Traffic, engine: Engine) -> Advice:
    """What is to be said where there are so many now."""
    return Advice(_desired(traffic, engine), _step(count, 1, traffic, engine), _step(count, -1, traffic, engine))


def _desired(traffic: Traffic, engine: Engine) -> int:
    """The fewest with the lowest bill. With more than carry all of it, it only rises."""
    best, lowest = 0, bill(0, traffic, engine)
    for count in range(1, REPLICAS_MAX + 1):
        if (now := bill(count, traffic, engine)) < lowest:
            best, lowest = count, now
        if carried(count, engine, traffic.usual) >= traffic.tokens_per_s:
            return best
    return best


def _step(count: int, by: int, traffic: Traffic, engine: Engine) -> Money | None:
    now, then = bill(count, traffic, engine), bill(count + by, traffic, engine)
    return None if inf in {now, then} or count + by < 0 else Money(round(then - now))
