"""Joins the parts of a running gateway for its admin API."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

from gateway.admin.site import READING, Site
from gateway.alerts.outbox import history
from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.stores import pepper, registry
from gateway.catalog.catalog import Catalog
from gateway.config.settings import Settings
from gateway.dashboard.door import Door
from gateway.dashboard.sessions import Sessions
from gateway.directory.audited import Audited
from gateway.directory.directory import Directory
from gateway.fleet.fleet import Fleet
from gateway.front.together import Doing, Replica, Together
from gateway.journey.learning import Learning
from gateway.keyring import Keyring
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.limits.chain import Limits
from gateway.prices.current import Pricing
from gateway.stores.base import LeaseStore
from gateway.training.desk import Desk
from gateway.upstream.health import Health, Vitals


def admin_site(
    settings: Settings,
    *,
    keyring: Keyring,
    limits: Limits,
    together: Together,
    pricing: Pricing,
    store: LeaseStore,
    learning: Learning,
    fleet: Fleet,
    training: Desk,
    catalog: Catalog,
    stack: AsyncExitStack,
    clock: Callable[[], float],
) -> Site:
    """What the admin API speaks for. It has a connection to the store of its own: calls wait for no disk."""
    kept = registry(settings)
    stack.callback(kept.close)

    async def others() -> dict[str, float]:
        seen: dict[str, float] = await store.seen() if settings.shared is not None else {}  # type: ignore[attr-defined]
        return seen

    return Site(
        directory=Directory(kept, pepper(settings), clock),
        audited=Audited(kept, clock),
        keyring=keyring,
        limits=limits,
        configured=settings.limits,
        together=together,
        pricing=pricing,
        reading=partial(ledger_reader, settings),
        workers=settings.server.workers,
        training=training,
        others=others,
        guard=lambda: learning.guard,
        fleet=fleet,
        clock=clock,
        catalog=catalog,
        baseline=settings.routing.baseline,
        told=partial(history, settings.home / "alerts.db"),
        door=Door(Sessions(pepper(settings), keyring.tenants, clock), keyring.tenants, clock, READING),
        trusted_proxies=settings.server.trusted_proxies,
    )


def replica_teller(
    name: str, *, mover: Mover, journal: Journal, health: Health, clock: Callable[[], float]
) -> Callable[[], Replica]:
    """What this process tells of itself."""
    started = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")

    def tell() -> Replica:
        left_alone = sorted(one for one, state in health.states(clock()).items() if state)
        doing = [_doing(one, vitals, clock()) for one, vitals in sorted(health.known.items())]
        in_flight, waiting = journal.open_count, len(journal.settled)
        return Replica(name, os.getpid(), started, in_flight, waiting, mover.drift, left_alone, doing)

    return tell


def _doing(name: str, vitals: Vitals, now: float) -> Doing:
    streams, answers = vitals.streams, vitals.answers
    waits = (streams.average, streams.p95, answers.average, answers.p95)
    return Doing(name, vitals.working(now), vitals.in_flight, vitals.error_rate, *waits)
