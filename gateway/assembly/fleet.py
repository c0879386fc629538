"""The engines of one's own that settings name, and what looks at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

from gateway.assembly.finances import Finances
from gateway.config.settings import Settings
from gateway.core.entry import Entry
from gateway.core.money import PICOS_PER_DOLLAR, Money
from gateway.fleet.backend import Backend, State
from gateway.fleet.fleet import Fleet
from gateway.fleet.hours import Hours
from gateway.fleet.meter import Meter
from gateway.fleet.rate import SECOND_NS
from gateway.fleet.scaling import Scaling, scaling
from gateway.fleet.watch import Watch
from gateway.ledger.reader import Reader
from gateway.telemetry.metrics import Gauges
from gateway.upstream.wire import Wire


def fleet_of(settings: Settings) -> Fleet:
    """All backends, none of which has been asked anything yet."""
    backends = [
        Backend(
            provider=name,
            name=engine.backend,
            base_url=engine.base_url,
            kind=provider.engine,
            machine=settings.machines.get(name),
        )
        for name, provider in settings.providers.items()
        for engine in provider.engines
    ]
    return Fleet(backends, share=1 / settings.server.workers)


def metered(fleet: Fleet, now: float) -> Fleet:
    """The same, with a meter at each machine that costs by the hour, from now on."""
    for backend in fleet.backends:
        machine = backend.machine
        if machine is not None:
            now_ns = int(now * SECOND_NS)
            backend.meter = Meter(backend.id, machine.rate, machine.prefill, machine.decode, now_ns)
    return fleet


def hours(
    fleet: Fleet,
    money: Finances,
    read: Callable[[], AbstractContextManager[Reader]],
    clock: Callable[[], float],
    reach_s: Callable[[], float],
) -> Hours:
    """What closes the hours of machines. `reach_s`: how long a call takes at most."""

    def waiting() -> Sequence[Entry]:
        return money.books.journal.settled

    return Hours(fleet.backends, read, money.mover.find, money.books.book, clock, reach_s=reach_s, waiting=waiting)


def watch(
    settings: Settings, fleet: Fleet, network: Wire, clock: Callable[[], float], changed: Callable[[], None]
) -> Watch:
    """What looks at them. `changed` hears when names lead elsewhere than before."""
    providers = settings.providers
    headers = {b.provider: providers[b.provider].engines[0].addresses[0].headers for b in fleet.backends}
    return Watch(fleet, partial(network.get, follow=False), clock, changed, headers)


def add_fleet_gauges(
    gauges: Gauges, fleet: Fleet, in_flight: Callable[[], Mapping[str, int]], clock: Callable[[], float]
) -> None:
    """What is known of each backend, for /metrics. Without any there is nothing to tell."""
    if not fleet.backends:
        return

    def add(name: str, told: str, figure: Callable[[Backend], float | None]) -> None:
        def read() -> dict[tuple[str, ...], float]:
            figures = ((backend.id, figure(backend)) for backend in fleet.backends)
            return {(name,): value for name, value in figures if value is not None}

        gauges.add(f"fareway_fleet_backend_{name}", told, ("backend",), read)

    def states() -> dict[tuple[str, ...], float]:
        return {(b.id, state): float(b.state is state) for b in fleet.backends for state in State}

    def hourly(backend: Backend) -> float | None:
        machine = backend.machine
        return None if machine is None else machine.rate.at(round(clock() * SECOND_NS))[0] / PICOS_PER_DOLLAR

    def ours() -> dict[tuple[str, ...], float]:
        calls = dict.fromkeys((backend.id for backend in fleet.backends), 0)
        for name, count in in_flight().items():
            if (backend := fleet.of(name)) is not None:
                calls[backend.id] += count
        return {(name,): count for name, count in calls.items()}

    gauges.add("fareway_backend_inflight_requests", "Calls of this gateway that are there.", ("backend",), ours)
    gauges.add("fareway_fleet_backend_state", "1: it is in that state.", ("backend", "state"), states)
    add("dollars_per_hour", "What its machine costs now.", hourly)
    add("running", "Calls that it works on, whoever they are from.", lambda b: b.load.running)
    add("waiting", "Calls that wait for room in it.", lambda b: b.load.waiting)
    add("cache_used_ratio", "The share of its KV cache in use.", lambda b: b.load.cache_used)
    add("cache_hit_ratio", "Of prompt tokens lately, the share found in its cache.", lambda b: b.load.hit_rate)
    add("prompt_tokens_per_second", "Read; 0 while it is idle.", lambda b: b.speed_now.prompt)
    add("generated_tokens_per_second", "Written; 0 while it is idle.", lambda b: b.speed_now.generated)
    _add_scaling(gauges, fleet, clock)


def _add_scaling(gauges: Gauges, fleet: Fleet, clock: Callable[[], float]) -> None:
    def add(name: str, told: str, figure: Callable[[Scaling], float | None]) -> None:
        def read() -> dict[tuple[str, ...], float]:
            figures = ((one.provider, figure(one)) for one in scaling(fleet, clock()))
            return {(provider,): value for provider, value in figures if value is not None}

        gauges.add(f"fareway_fleet_{name}", told, ("provider",), read)

    def dollars(money: Money | None) -> float | None:
        return None if money is None else money.picos / PICOS_PER_DOLLAR

    add("replicas", "Machines that serve, or are about to.", lambda one: one.replicas)
    add("replicas_desired", "Machines with which the bill would be lowest.", lambda one: one.advice.desired)
    more, less = "What one more machine adds to the hourly bill.", "What one less does."
    add("one_more_dollars_per_hour", more, lambda one: dollars(one.advice.one_more))
    add("one_less_dollars_per_hour", less, lambda one: dollars(one.advice.one_less))
    add("asked_tokens_per_second", "Of calls that could go there.", lambda one: one.tokens_per_s)
    add("carried_tokens_per_second", "That they take without long waits.", lambda one: one.carried_per_s)
    add("spilled_dollars_per_hour", "For calls that went elsewhere.", lambda one: dollars(one.spilled))
