"""`fareway fleet list | drain | resume`: engines of one's own, looked at now, and taken out of service and back."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from gateway.assembly.fleet import fleet_of, watch
from gateway.assembly.routing import wire
from gateway.assembly.stores import directory
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.config.settings import Settings
from gateway.directory.actor import Actor
from gateway.fleet.fleet import Fleet
from gateway.fleet.report import BackendReport, report

_COLUMNS = (
    *("backend", "state", "engine", "machine", "usd_per_hour", "price"),
    *("running", "waiting", "cache_used", "models", "why"),
)


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("fleet", help="engines of your own: list, drain, resume")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    listing = verbs.add_parser("list", parents=[common], help="look at every backend: how it does, what it costs")
    listing.add_argument("--format", choices=FORMATS, default="table")
    listing.set_defaults(run=_list)
    draining = verbs.add_parser(
        "drain", parents=[common], help="give a backend no new calls, also by gateways that run; those in flight end"
    )
    resuming = verbs.add_parser("resume", parents=[common], help="give it calls again")
    for verb, run in ((draining, _drain), (resuming, _resume)):
        verb.add_argument("backend", help="as `fareway fleet list` shows it: local@10.0.0.5:8000")
        verb.set_defaults(run=run)


def _list(parsed: argparse.Namespace) -> int:
    found, now = settings(parsed), time.time()
    fleet = asyncio.run(_looked_at(found))
    print_rows([_row(report(backend, now)) for backend in fleet.backends], _COLUMNS, parsed.format)
    return 0


async def _looked_at(found: Settings) -> Fleet:
    fleet, network = fleet_of(found), wire(found)
    with directory(found) as kept:
        fleet.drain(kept.drains())
    try:
        await watch(found, fleet, network, time.time, lambda: None).round()
    finally:
        await network.close()
    return fleet


def _row(told: BackendReport) -> dict[str, object]:
    machine, load = told.machine, told.load
    return {
        "backend": told.id,
        "state": told.state,
        "engine": told.engine,
        "machine": f"{machine.count} x {machine.hardware}, {machine.tier}" if machine is not None else None,
        "usd_per_hour": machine.usd_per_hour if machine is not None else None,
        "price": machine.price if machine is not None else None,
        "running": load.running,
        "waiting": load.waiting,
        "cache_used": load.cache_used,
        "models": ", ".join(told.models) if told.models is not None else None,
        "why": told.why or None,
    }


def _drain(parsed: argparse.Namespace) -> int:
    found = _known(parsed)
    with directory(found) as kept:
        kept.drain(Actor.of_machine(), parsed.backend)
    print(f"draining {parsed.backend}: gateways that run give it no new calls within a second")
    return 0


def _resume(parsed: argparse.Namespace) -> int:
    found = _known(parsed)
    with directory(found) as kept:
        kept.resume(Actor.of_machine(), parsed.backend)
    print(f"resumed {parsed.backend}: gateways that run give it calls again within a second")
    return 0


def _known(parsed: argparse.Namespace) -> Settings:
    found = settings(parsed)
    fleet = fleet_of(found)
    if fleet.named(parsed.backend) is None:
        known = ", ".join(backend.id for backend in fleet.backends) or "none: see docs/fleet.md"
        raise Unusable(f"there is no backend {parsed.backend!r}; those of the configuration: {known}", 3)
    return found
