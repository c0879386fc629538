"""Joins the parts of a running gateway for its admin API."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial

from gateway.admin.site import Site
from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.stores import pepper, registry
from gateway.config.settings import Settings
from gateway.directory.audited import Audited
from gateway.directory.directory import Directory
from gateway.fleet.fleet import Fleet
from gateway.front.together import Replica, Together
from gateway.journey.learning import Learning
from gateway.keyring import Keyring
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.limits.chain import Limits
from gateway.prices.current import Pricing
from gateway.stores.base import LeaseStore
from gateway.training.desk import Desk
from gateway.upstream.health import Health


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
        trusted_proxies=settings.server.trusted_proxies,
    )


def replica_teller(
    name: str, *, mover: Mover, journal: Journal, health: Health, clock: Callable[[], float]
) -> Callable[[], Replica]:
    """What this process tells of itself."""
    started = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")

    def tell() -> Replica:
        left_alone = sorted(one for one, state in health.states(clock()).items() if state)
        return Replica(name, os.getpid(), started, journal.open_count, len(journal.settled), mover.drift, left_alone)

    return tell
