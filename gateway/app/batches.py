"""Joins the parts that files and batches need."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gateway.assembly.finances import Finances
from gateway.assembly.home import settles
from gateway.assembly.stores import registry
from gateway.config.settings import Settings
from gateway.front.batches import BatchPages
from gateway.front.files import FilePages
from gateway.journey.batches.desk import Desk
from gateway.journey.batches.kept import Kept
from gateway.journey.batches.making import Making
from gateway.journey.batches.settling import Settling
from gateway.pipeline import Pipeline
from gateway.prices.book import PriceBook


@dataclass(frozen=True)
class Batches:
    """What outlives a configuration of them. `settling` is to be run."""

    desk: Desk
    kept: Kept
    settling: Settling
    files: FilePages

    def pages(self, pipeline: Pipeline) -> BatchPages:
        """Everything about batches, which are priced and held for as other calls are."""
        books, desk, kept = pipeline.books, self.desk, self.kept
        refuse_unpriced = pipeline.setting_aside.refuse_unpriced
        making = Making(books, pipeline.router, desk, kept, self.settling, refuse_unpriced=refuse_unpriced)
        return BatchPages(pipeline.tenants, books.limits, desk, kept, making, self.settling, self.files)


def batches(
    settings: Settings, money: Finances, desk: Desk, book: Callable[[], PriceBook], *, stack: AsyncExitStack
) -> Batches:
    """They have a connection to the store of their own: calls wait for no disk."""
    books, server, kept = money.books, settings.server, Kept(registry(settings))
    stack.callback(kept.close)

    def ours(replica: str) -> bool:
        return settles(books.replica, server.workers, replica)

    settling = Settling(books, desk, kept, money.mover, book, ours=ours)
    files = FilePages(desk, kept, settling, books.clock, server.body_bytes_max, server.body_timeout_s)
    return Batches(desk, kept, settling, files)
