"""What is told of a backend to people and to programs, at /admin/v1/fleet. Amounts are decimal text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from gateway.core.money import Money
from gateway.fleet.backend import Backend
from gateway.fleet.machine import Machine
from gateway.fleet.rate import SECOND_NS
from gateway.fleet.scaling import Scaling

StateName = Literal["starting", "warming", "ready", "draining", "down"]


class MachineReport(Struct, frozen=True, kw_only=True):
    """The machine below a backend."""

    hardware: str
    count: int
    tier: str
    region: str
    power_w: int  # At full load; 0 where nobody knows.
    usd_per_hour: str  # Now, of all its devices; 0 outside of its schedule.
    price: str  # Where it is from: the configuration, or the catalogue and its date.


class LoadReport(Struct, frozen=True, kw_only=True):
    """What the engine said of itself; null for what it does not say. Rates are of when it last worked."""

    at: str | None  # RFC 3339.
    running: int | None
    waiting: int | None
    cache_used: float | None  # The share of its KV cache in use.
    hit_rate: float | None  # Of prompt tokens lately, the share that was in its prefix cache.
    prompt_tokens_per_second: float | None
    generated_tokens_per_second: float | None
    first_token_seconds: float | None
    request_seconds: float | None


class BackendReport(Struct, frozen=True, kw_only=True):
    """One engine of one's own, as the process that is asked sees it."""

    id: str
    provider: str
    base_url: str
    engine: str  # vllm, sglang, llamacpp, tgi or ollama; openai for any other.
    state: StateName
    why: str  # It takes no calls; empty where it does.
    models: list[str] | None  # Null: it does not say, and is taken to serve any.
    machine: MachineReport | None
    load: LoadReport


class CapacityReport(Struct, frozen=True, kw_only=True):
    """Whether a provider's engines are enough for what all processes of this gateway were lately asked."""

    provider: str
    replicas: int  # Engines that serve, or are about to.
    desired: int  # With which the bill would be lowest, calls at an API included.
    usd_per_hour_one_more: str | None  # What the bill would rise by; less than nothing is saved. Null: nobody knows.
    usd_per_hour_one_less: str | None
    usd_per_hour_spilled: str  # For calls that went elsewhere.
    tokens_per_second_asked: float
    tokens_per_second_carried: float  # That they take before calls wait for longer than patience.


class FleetReport(Struct, frozen=True, kw_only=True):
    """All of them."""

    data: list[BackendReport]
    capacity: list[CapacityReport]  # By provider, where machines have a price and were asked anything.


def report(backend: Backend, now: float) -> BackendReport:
    """All that is known of it. `now`: Unix seconds."""
    return BackendReport(
        id=backend.id,
        provider=backend.provider,
        base_url=backend.base_url,
        engine=backend.kind or "openai",
        state=backend.state.value,
        why=backend.told,
        models=None if backend.models is None else sorted(backend.models),
        machine=None if backend.machine is None else _machine(backend.machine, now),
        load=_load(backend),
    )


def _machine(machine: Machine, now: float) -> MachineReport:
    picos, _ = machine.rate.at(round(now * SECOND_NS))
    return MachineReport(
        hardware=machine.hardware,
        count=machine.count,
        tier=machine.tier,
        region=machine.region,
        power_w=machine.power_w,
        usd_per_hour=Money(picos).decimal,
        price=machine.priced,
    )


def _load(backend: Backend) -> LoadReport:
    load, speed = backend.load, backend.speed
    return LoadReport(
        at=datetime.fromtimestamp(load.at, UTC).isoformat(timespec="seconds") if load.at else None,
        running=load.running,
        waiting=load.waiting,
        cache_used=load.cache_used,
        hit_rate=load.hit_rate,
        prompt_tokens_per_second=speed.prompt,
        generated_tokens_per_second=speed.generated,
        first_token_seconds=speed.first_token_s,
        request_seconds=speed.request_s,
    )


def capacity(told: Scaling) -> CapacityReport:
    """The number of a provider's machines, as it is told."""
    more, less = told.advice.one_more, told.advice.one_less
    return CapacityReport(
        provider=told.provider,
        replicas=told.replicas,
        desired=told.advice.desired,
        usd_per_hour_one_more=None if more is None else more.decimal,
        usd_per_hour_one_less=None if less is None else less.decimal,
        usd_per_hour_spilled=told.spilled.decimal,
        tokens_per_second_asked=round(told.tokens_per_s, 3),
        tokens_per_second_carried=round(told.carried_per_s, 3),
    )
