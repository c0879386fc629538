"""The figures that parts keep by themselves, for /metrics."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway import __version__
from gateway.assembly.budgets import Budgets
from gateway.journey.learning import Learning
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.limits.leases import Leases
from gateway.prices.current import Pricing
from gateway.stores.clock import StoreClock
from gateway.telemetry.metrics import Gauges, Metrics
from gateway.tokens.calibration import Calibration


def add_gauges(
    gauges: Gauges,
    *,
    mover: Mover,
    journal: Journal,
    prices: Pricing,
    leases: Leases,
    calibration: Calibration,
    learning: Learning,
    breakers: Callable[[], Mapping[str, int]],
    in_flight: Callable[[], int],
    home: Path,
    clock: Callable[[], float],
) -> None:
    """The figures that parts keep by themselves, for /metrics."""
    add = gauges.add
    add("fareway_build_info", "1: it runs, in this version.", ("version",), lambda: {(__version__,): 1})
    add("fareway_home_free_bytes", "Left on the disk of the home.", (), lambda: {(): _free_bytes(home)})
    add("fareway_drift_units", "What the books disagree by.", (), lambda: {(): mover.drift})
    add("fareway_journal_entries", "Settled, on their way.", (), lambda: {(): len(journal.settled)})
    refused = "1: the disk refuses the journal, and so calls are."
    add("fareway_journal_refused", refused, (), lambda: {(): int(bool(journal.trouble))})
    add("fareway_inflight_requests", "Calls that have left.", (), lambda: {(): in_flight()})
    add("fareway_tasks", "Of the event loop, not done.", (), lambda: {(): len(asyncio.all_tasks())})
    add("fareway_price_age_seconds", "Age of the prices.", (), lambda: {(): prices.age_s()})
    add("fareway_price_feed", "1: a feed keeps prices up to date.", (), lambda: {(): int(prices.fed)})
    add("fareway_price_quarantined", "1: a feed waits for a yes.", (), lambda: {(): int(prices.waiting is not None)})
    add("fareway_price_pinned", "1: no feed is asked.", (), lambda: {(): int(prices.pinned)})
    Budgets(leases, clock).add_to(gauges)
    add("fareway_token_estimate_error_ratio", "Of likely input.", ("model", "kind"), calibration.errors)

    def router_on() -> dict[tuple[str, ...], float]:
        return {} if learning.guard is None else {(): int(learning.guard.on)}

    add("fareway_router_on", "0: the guard has switched the router off.", (), router_on)

    def states() -> dict[tuple[str, ...], float]:
        return {(name,): state for name, state in breakers().items()}

    add("fareway_breaker_open", "1: a deployment is left alone.", ("deployment",), states)


def add_store_figures(metrics: Metrics, store: Any, clock: StoreClock, leases: Leases) -> None:
    """The figures of a store that gateways share, for /metrics."""
    add, count = metrics.gauges.add, metrics.totals.add
    add("fareway_clock_offset_seconds", "Store's clock before ours.", (), lambda: {(): clock.offset_s})
    add("fareway_store_down", "1: calls do not ask the store of limits.", (), lambda: {(): int(store.link.down)})
    count("fareway_store_calls", "Sent to the store of limits.", ("operation",), lambda: _labelled(store.link.calls))
    lent = "Held without the store's word, in the limit's unit (usd: nano-dollars)."
    count("fareway_store_outage_allowed", lent, ("limit",), lambda: _labelled(leases.lent))


def _free_bytes(home: Path) -> int:
    disk = os.statvfs(home)
    return disk.f_bavail * disk.f_frsize


def _labelled(figures: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): figure for name, figure in figures.items()}
