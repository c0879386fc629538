"""What a call adds to the bill where it could go to an engine of ours: from how crowded that is, and from what the same
call would cost elsewhere."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import Candidate
from gateway.fleet.backend import Backend
from gateway.fleet.demand import Demand
from gateway.fleet.fleet import Fleet
from gateway.fleet.machine import Machine
from gateway.fleet.marginal import Crowd, energy_per_token, marginal, own_per_token
from gateway.fleet.rate import SECOND_NS
from gateway.journey.option import Option
from gateway.journey.warmed import warmed
from gateway.prompt_cache.backlog import RATE_GUESS
from gateway.prompt_cache.warmth import NOTHING, Warmth


class Machines:
    """Tells options at machines of ours their marginal cost. `fleet`: whose they are; `warmth`: who knows what they
    were given to read."""

    def __init__(self, fleet: Fleet, warmth: Warmth) -> None:
        self._fleet = fleet
        self._warmth = warmth

    def priced(self, options: tuple[Option, ...], request: Request, now: float) -> tuple[Option, ...]:
        """The same options, those at machines of ours with what they add to the bill."""
        own = {option.candidate.provider: option for option in options if option.candidate.backend}
        if not own or request.facts.free:
            return options
        costs = [option.candidate.cost_likely for option in options if not option.candidate.backend]
        least = min([cost for cost in costs if cost is not None], default=None)
        for provider, option in own.items():
            self._fleet.demands[provider].elsewhere.learn(option.input_guess + option.output_guess, least)
        return tuple([self._priced(option, request, now) if option.candidate.backend else option for option in options])

    def asked(self, first: Option, own: tuple[Option, ...], now: float) -> None:
        """A call that could go to these goes there first. Elsewhere, it is spilled."""
        cost = first.candidate.cost_likely
        for provider, option in {option.candidate.provider: option for option in own}.items():
            demand = self._fleet.demands[provider]
            demand.asked(option.input_guess + option.output_guess, now)
            if not first.candidate.backend and cost is not None:
                demand.spilled(cost, now)

    def _priced(self, option: Option, request: Request, now: float) -> Option:
        backend = self._fleet.of(option.candidate.name)
        if backend is None or backend.machine is None:
            return option
        if option.expected is None:
            option = warmed(option, request, self._warmth, NOTHING, now, given=option.input_guess)
        demand = self._fleet.demands[option.candidate.provider]
        return replace(option, candidate=_told(option, backend, backend.machine, demand, now))


def _told(option: Option, backend: Backend, machine: Machine, demand: Demand, now: float) -> Candidate:
    candidate, load = option.candidate, backend.load
    pace = demand.pace = RATE_GUESS if option.expected is None else option.expected.outlook.pace
    running = max(candidate.in_flight, load.running or 0)
    crowd = Crowd(pace, candidate.wait_ms / 1000, running, load.waiting or 0, load.cache_used)
    wait_s = crowd.wait_s(demand.elsewhere.usual)
    worth = demand.elsewhere.per_token
    if worth is None:
        picos_per_hour, _ = machine.rate.at(int(now * SECOND_NS))
        worth = own_per_token(picos_per_hour, pace)
    energy = energy_per_token(machine.power_w, machine.electricity, pace)

    def adds(tokens: int) -> Money:
        return marginal(tokens, worth, wait_s, machine.patience_ms / 1000, energy)

    loaded = candidate.cost_likely
    return replace(
        candidate,
        cost_likely=adds(max(0, option.input_guess - candidate.warm_tokens) + option.output_guess),
        cost_warm=adds(option.output_guess),
        cost_loaded=None if loaded is None else Money(loaded.picos // (running + 1)),
        wait_ms=wait_s * 1000,
        waiting=load.waiting or 0,
        cache_used=load.cache_used,
    )
