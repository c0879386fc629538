"""Joins the parts that files and batches need."""

from __future__ import annotations

from gateway.assembly import registry, replica_name
from gateway.catalog.catalog import Catalog
from gateway.config.settings import Settings
from gateway.front.batches import BatchPages
from gateway.front.files import FilePages
from gateway.front.peers import Worker
from gateway.journey.batches.desk import Desk
from gateway.journey.batches.kept import Kept
from gateway.journey.batches.making import Making
from gateway.journey.batches.settling import Settling
from gateway.ledger.mover import Mover
from gateway.pipeline import Pipeline
from gateway.upstream.wire import Wire


def batch_pages(
    settings: Settings, pipeline: Pipeline, *, wire: Wire, catalog: Catalog, mover: Mover, worker: Worker | None
) -> BatchPages:
    """Everything about batches. Its `kept` is to be closed, its `settling` to be run. It has a connection to the store
    of its own: calls wait for no disk."""
    books, server = pipeline.books, settings.server
    desk, kept = Desk(wire, settings.providers.values()), Kept(registry(settings))
    home = replica_name(settings, None)
    alone = worker is None and settings.shared is None

    def ours(replica: str) -> bool:
        return _settles(replica, home, worker)

    def accounts_here(replica: str) -> bool:
        return alone or replica == books.replica

    settling = Settling(books, desk, kept, mover, catalog, ours=ours, accounts_here=accounts_here)
    making = Making(books, pipeline.router, desk, kept, settling, refuse_unpriced=pipeline.refuse_unpriced)
    files = FilePages(desk, kept, settling, pipeline.clock, server.body_bytes_max, server.body_timeout_s)
    return BatchPages(pipeline.tenants, books.limits, desk, kept, making, settling, files)


def _settles(replica: str, home: str, worker: Worker | None) -> bool:
    """Whether the batches of a replica are for this process: its own; and for the first worker those that earlier
    processes of this home have left, of which there were more or fewer."""
    of, _, number = replica.partition(".")
    if of != home:
        return False
    if worker is None:
        return True
    left = not number or int(number) > worker.count
    return int(number or 0) == worker.number or (left and worker.number == 1)
