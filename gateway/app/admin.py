"""Joins the parts of a running gateway for its admin API."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from gateway.admin.site import READING, Site
from gateway.alerts.outbox import history
from gateway.assembly.finances import Finances
from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.stores import pepper, registry
from gateway.catalog.catalog import Catalog
from gateway.config.settings import Settings
from gateway.dashboard.door import Door
from gateway.dashboard.sessions import Sessions
from gateway.directory.audited import Audited
from gateway.directory.directory import Directory
from gateway.fleet.fleet import Fleet
from gateway.front.together import Together
from gateway.journey.learning import Learning
from gateway.prices.current import Pricing
from gateway.training.desk import Desk


def admin_site(
    settings: Settings,
    *,
    money: Finances,
    together: Together,
    pricing: Pricing,
    learning: Learning,
    fleet: Fleet,
    training: Desk,
    catalog: Callable[[], Catalog],
    baseline: Callable[[], str],
    stack: AsyncExitStack,
    clock: Callable[[], float],
) -> Site:
    """What the admin API speaks for. It has a connection to the store of its own: calls wait for no disk."""
    kept = registry(settings)
    stack.callback(kept.close)
    secret = pepper(settings)

    async def others() -> dict[str, float]:
        seen: dict[str, float] = await money.store.seen() if settings.shared is not None else {}  # type: ignore[union-attr]
        return seen

    return Site(
        directory=Directory(kept, lambda: secret, clock),
        audited=Audited(kept, clock),
        keyring=money.keyring,
        limits=money.limits,
        configured=lambda: money.configured,
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
        baseline=baseline,
        told=partial(history, settings.home / "alerts.db"),
        door=Door(Sessions(secret, money.keyring.tenants, clock), money.keyring.tenants, clock, READING),
        trusted_proxies=settings.server.trusted_proxies,
    )
