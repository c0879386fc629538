"""Joins the parts that training jobs need."""

from __future__ import annotations

from contextlib import AsyncExitStack

from gateway.assembly.finances import Finances
from gateway.assembly.home import settles
from gateway.assembly.stores import registry
from gateway.assembly.told import Told
from gateway.config.settings import Settings
from gateway.training.desk import Desk
from gateway.training.figures import Figures
from gateway.training.kept import Jobs
from gateway.training.metering import Metering


def training_desk(settings: Settings, told: Told, money: Finances, stack: AsyncExitStack) -> Desk:
    """Everything about training jobs; its `metering` is to be run. It has a connection to the store of its own."""
    jobs, figures, terms = Jobs(registry(settings), told.clock), Figures(told.metrics), settings.training
    stack.callback(jobs.close)

    metering = Metering(
        limits=money.limits,
        journal=money.journal,
        mover=money.mover,
        jobs=jobs,
        clock=told.clock,
        replica=money.replica,
        silent_ms=int(terms.silent_after_s * 1000),
        since=int(told.clock() * 1000),
        ours=lambda replica: settles(money.replica, settings.server.workers, replica),
        book=money.books.book,
        correct=money.books.correct,
        told=figures.told,
    )
    stack.push_async_callback(metering.close)
    return Desk(jobs, metering, terms.approve_above, int(terms.interval_s * 1000))
