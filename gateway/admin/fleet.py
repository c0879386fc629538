"""Engines of one's own: how they do, and taking them out of service and back."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from gateway.admin.site import ADMIN, WATCHING, Call, Route
from gateway.core.errors import NotFound
from gateway.directory.actor import Actor
from gateway.fleet.backend import Backend
from gateway.fleet.report import BackendReport, FleetReport, capacity, report
from gateway.fleet.scaling import scaling


async def _list(call: Call) -> Struct:
    now, fleet = call.site.clock(), call.site.fleet
    told = [capacity(one) for one in scaling(fleet, now)]
    return FleetReport(data=[report(backend, now) for backend in fleet.backends], capacity=told)


async def _drain(call: Call) -> Struct:
    return await _changed(call, call.site.directory.drain)


async def _resume(call: Call) -> Struct:
    return await _changed(call, call.site.directory.resume)


async def _changed(call: Call, change: Callable[[Actor, str], object]) -> Struct:
    backend = _named(call)
    await call.site.change(change, call.actor, backend.id)
    return report(backend, call.site.clock())


def _named(call: Call) -> Backend:
    fleet, name = call.site.fleet, call.path["backend"]
    backend = fleet.named(name)
    if backend is None:
        known = ", ".join(backend.id for backend in fleet.backends) or "none"
        raise NotFound(f"There is no backend {name!r}. Those of the configuration: {known}.")
    return backend


ROUTES = [
    Route("GET", "/fleet", _list, "Engines of your own", WATCHING, FleetReport),
    Route("POST", "/fleet/{backend}/drain", _drain, "Give a backend no new calls", ADMIN, BackendReport),
    Route("POST", "/fleet/{backend}/resume", _resume, "Give it calls again", ADMIN, BackendReport),
]
