"""The exports that settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from gateway.config.settings import ExportTo, Settings
from gateway.export.places import place
from gateway.export.scheduled import Books, Export, Schedule
from gateway.export.table import CALLS, FOCUS, Form
from gateway.export.written import Written
from gateway.telemetry.metrics import Metrics


def exports(
    settings: Settings,
    read: Callable[[], AbstractContextManager[Books]],
    clock: Callable[[], float],
    metrics: Metrics,
    worker: int | None,
) -> Schedule:
    """What is due. One worker of a home does it for all. Raises PlaceError where a package is missing."""
    wanted = settings.exports if worker in (None, 1) else ()
    rules = [Export(_form(export), place(export.to), export.to) for export in wanted]
    told = partial(metrics.count, "fareway_exports")
    return Schedule(rules, read, clock, told, Written(settings.home / "exports.json"))


def _form(export: ExportTo) -> Form:
    focus = export.format == FOCUS
    return Form(FOCUS if focus else CALLS, "csv" if focus else export.format, export.focus_version)
