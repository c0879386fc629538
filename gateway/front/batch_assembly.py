"""Joins the parts that files and batches need."""

from __future__ import annotations

from contextlib import AsyncExitStack

from gateway.assembly.home import settles, worker_number
from gateway.assembly.stores import registry
from gateway.catalog.catalog import Catalog
from gateway.config.settings import Settings
from gateway.front.batches import BatchPages
from gateway.front.files import FilePages
from gateway.journey.batches.desk import Desk
from gateway.journey.batches.kept import Kept
from gateway.journey.batches.making import Making
from gateway.journey.batches.settling import Settling
from gateway.ledger.mover import Mover
from gateway.pipeline import Pipeline
from gateway.upstream.wire import Wire


def batch_pages(
    settings: Settings, pipeline: Pipeline, wire: Wire, catalog: Catalog, mover: Mover, *, stack: AsyncExitStack
) -> BatchPages:
    """Everything about batches; its `settling` is to be run. It has a connection to the store of its own: calls wait
    for no disk."""
    books, server = pipeline.books, settings.server
    desk, kept = Desk(wire, settings.providers.values()), Kept(registry(settings))
    stack.callback(kept.close)
    alone = not worker_number(books.replica) and settings.shared is None

    def ours(replica: str) -> bool:
        return settles(books.replica, server.workers, replica)

    def accounts_here(replica: str) -> bool:
        return alone or replica == books.replica

    settling = Settling(books, desk, kept, mover, catalog, ours=ours, accounts_here=accounts_here)
    making = Making(
        books, pipeline.router, desk, kept, settling, refuse_unpriced=pipeline.setting_aside.refuse_unpriced
    )
    files = FilePages(desk, kept, settling, pipeline.clock, server.body_bytes_max, server.body_timeout_s)
    return BatchPages(pipeline.tenants, books.limits, desk, kept, making, settling, files)
