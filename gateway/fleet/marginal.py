"""What one more call adds to the bill of a machine that is paid for anyway. Pure but for what is learned.

The machine's hour costs the same with the call and without it. What the call does cost is the room that it takes from
those behind it: who waits for longer than patience lasts is sent to an API, and that is paid for. Near a full load the
work in a queue wanders up and down with no drift, and a walk that stands at a wait of w reaches the line at T before it
comes back to nothing with the chance w/T (the gambler's ruin; Feller, An Introduction to Probability Theory and Its
Applications I, ch. XIV.2). A token more to compute pushes a token's worth of others over that line with this chance:

    marginal cost = tokens to compute × what a token costs elsewhere × w/T + energy

With nothing ahead it is the energy alone; at a wait of T it is what a call of the usual kind costs elsewhere; beyond it
rises on, so that one after the other goes elsewhere for which that is cheap. To charge whoever comes what it makes
others lose is congestion pricing (Vickrey 1969; for queues Mendelson and Whang, "Optimal Incentive-Compatible Priority
Pricing for the M/M/1 Queue", Operations Research 38(5), 1990).

A token read and a token written count alike: they take a batch equally long (benchmarks/fleet/engines.py has the
measurements). What is in the engine's cache is not computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, log, sqrt

from msgspec import Struct

from gateway.core.money import Money

WATT_SECONDS_PER_KWH = 3.6e6

RECENT = 0.02
"""Weight of the newest call in what a token costs elsewhere and in how large calls are: about the last hundred."""

TOKENS_GUESS = 1_000
"""A call's, before any was seen."""

PLACES = 64
"""Calls that a KV cache holds, about. It decides only from where on a cache counts as crowded: at 0.8 by half a call,
at 0.9 by three."""

CACHE_FULL = 0.99
"""More than this is as full as this: 90 calls before a new one."""


class Crowd(Struct, frozen=True, gc=False):
    """What stands before a new call at an engine."""

    pace: float  # Tokens a second that it computes, all calls together.
    unread_s: float = 0.0  # Seconds until it has read what we gave it.
    running: int = 0  # Calls: each takes a token of every step.
    waiting: int = 0  # Calls that have no place yet, as it says itself.
    cache_used: float | None = None  # The share of its KV cache, 0 to 1. None: it does not say.

    def wait_s(self, usual: float) -> float:
        """Seconds before a new call is read. `usual`: the tokens of a call of late. A full engine of that pace has done
        with a call every `usual / pace` seconds (Little's law)."""
        each_s = usual / self.pace
        crowded = 0.0 if self.cache_used is None else queueing(min(self.cache_used, CACHE_FULL), PLACES)
        return max(self.unread_s, self.waiting * each_s) + self.running / self.pace + crowded * each_s


def queueing(load: float, places: int) -> float:
    """How many calls stand before a new one where so many are served at a time, each for as long as chance wills, and
    a share `load` of the places is taken on average. Sakasegawa, "An approximation formula L_q ≈ αρ^β/(1-ρ)", Annals of
    the Institute of Statistical Mathematics 29 (1977)."""
    return exp(log(load) * (sqrt(2 * (places + 1)) - 1)) / (1.0 - load) if load > 0 else 0.0


@dataclass(slots=True)
class Elsewhere:
    """What calls of one kind would cost at an API, from the choices that there were: fading sums."""

    _picos: float = 0.0
    _tokens: float = 0.0
    usual: float = TOKENS_GUESS  # Tokens of a call.

    def learn(self, tokens: int, cost: Money | None) -> None:
        """There was a call of so many tokens. It could have been answered elsewhere for so much; None: nowhere, or
        nobody knows."""
        self.usual += RECENT * (tokens - self.usual)
        if cost is not None:
            kept = 1.0 - RECENT
            self._picos, self._tokens = kept * self._picos + cost.picos, kept * self._tokens + tokens

    @property
    def per_token(self) -> float | None:
        """Pico-dollars. None while no call could have gone anywhere else."""
        return self._picos / self._tokens if self._tokens else None


def marginal(tokens: int, per_token: float, wait_s: float, patience_s: float, energy_per_token: float = 0.0) -> Money:
    """What so many tokens to compute add to the bill: see the module. Prices in pico-dollars a token; rounded up."""
    return Money(ceil(tokens * (per_token * wait_s / patience_s + energy_per_token)))


def own_per_token(picos_per_hour: int, pace: float) -> float:
    """Pico-dollars a token at a machine that is never idle: taken where nobody knows what it would cost elsewhere."""
    return picos_per_hour / (3600 * pace)


def energy_per_token(power_w: int, picos_per_kwh: int, pace: float) -> float:
    """Pico-dollars: the machine works so much longer at its full power."""
    return power_w * picos_per_kwh / (WATT_SECONDS_PER_KWH * pace)
