"""What is to be said of the number of a provider's machines, from what is known of them and of what they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.core.money import Money
from gateway.fleet.backend import Backend, State
from gateway.fleet.capacity import Advice, Engine, advised, carried
from gateway.fleet.fleet import Fleet
from gateway.fleet.rate import SECOND_NS

SERVING = frozenset({State.STARTING, State.WARMING, State.READY})
"""What counts as there: those that are about to serve have been asked for already."""


class Scaling(NamedTuple):
    """One provider's."""

    provider: str
    replicas: int  # That serve, or are about to.
    tokens_per_s: float  # Asked of them by all processes,
    carried_per_s: float  # and what they take before calls wait for longer than patience.
    spilled: Money  # An hour, for calls that went elsewhere.
    advice: Advice


def scaling(fleet: Fleet, now: float) -> list[Scaling]:
    """Of each provider whose machines have a price and were asked anything since the start. `now`: Unix seconds."""
    found = ((name, _engine(fleet.at(name), demand.pace, now)) for name, demand in fleet.demands.items())
    return [_scaled(fleet, name, engine, now) for name, engine in found if engine is not None]


def _engine(backends: Sequence[Backend], pace: float, now: float) -> Engine | None:
    """One of them; the first speaks for all, which are of one kind."""
    machines = [backend.machine for backend in backends if backend.machine is not None]
    if not machines or not pace:
        return None
    return Engine(pace, machines[0].rate.listed(round(now * SECOND_NS)), machines[0].patience_ms / 1000)


def _scaled(fleet: Fleet, provider: str, engine: Engine, now: float) -> Scaling:
    replicas = sum(backend.state in SERVING for backend in fleet.at(provider))
    demand = fleet.demands[provider]
    traffic, spilled = demand.traffic(now), demand.spilled_per_hour(now)
    takes = carried(replicas, engine, traffic.usual)
    return Scaling(provider, replicas, traffic.tokens_per_s, takes, spilled, advised(replicas, traffic, engine))
