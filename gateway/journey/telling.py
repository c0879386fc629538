"""Telling everybody who should know of a settled call: metrics, watchers, and the next routing decision."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.core.price import CostStatus
from gateway.core.threshold import Passed
from gateway.journey.receipt import document
from gateway.telemetry.live import NOBODY, Live
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.otel.tracing import Tracing
from gateway.upstream.health import Health, Vitals

log = logging.getLogger("fareway.limits")


@dataclass(frozen=True, slots=True)
class Telling:
    """See the module. Nothing here waits."""

    metrics: Metrics
    live: Live
    health: Health
    clock: Callable[[], float]
    alarm: Callable[[Passed], None]  # Beside the log and the watchers.
    tracing: Tracing | None = None

    def booked(self, entry: Entry) -> None:
        """An entry is settled."""
        self.metrics.booked(entry)
        if self.tracing is not None:
            self.tracing.booked(entry)
        if self.live.watched:
            event = b"event: settled\ndata: %b\n\n" % msgspec.json.encode(document(entry))
            self.live.publish(entry.caller.key_id, event)
        if entry.cost.status is CostStatus.UNCERTAIN and entry.outcome is Outcome.OK:
            self.metrics.count("fareway_uncertain", entry.provider)
        if entry.clamped:
            self.metrics.count("fareway_usage_mended", entry.provider)
        learned(self.health, entry, self.clock())

    def voided(self, draft: Entry, why: str) -> None:
        """An attempt came to nothing, and nobody charges for it."""
        self.metrics.voided(draft, why)
        if self.tracing is not None:
            self.tracing.voided(draft, why)

    def passed(self, event: Passed) -> None:
        """So much of a limit is spent. Only admins watch it."""
        self.metrics.count("fareway_limit_thresholds", event.limit, f"{event.percent}%")
        log.warning("%s", event.sentence)
        self.alarm(event)
        if self.live.watched:
            self.live.publish(NOBODY, b"event: threshold\ndata: %b\n\n" % msgspec.json.encode(event))


def learned(health: Health, entry: Entry, now: float) -> None:
    """What an entry says of its deployment to the next decision."""
    if entry.outcome in NO_CALLS:
        return
    name = entry.deployment
    vitals = health.of(name)
    if entry.outcome is Outcome.OK:
        vitals.succeeded(entry.caller.key_id)
    if entry.outcome is Outcome.OK and entry.usage.tokens:  # Counting tokens says nothing about answers.
        vitals.saw_output(entry.usage.output_total)
        vitals.reasons = vitals.reasons or entry.usage.output_reasoning > 0
        _timed(vitals, entry)
    elif entry.outcome is Outcome.OUTRUN:  # It took at least so long: else only the quick ones would be counted.
        _timed(vitals, entry)
    elif entry.outcome is Outcome.CUT:
        health.failed(name, now, entry.caller.key_id)


def _timed(vitals: Vitals, entry: Entry) -> None:
    streamed = entry.first_token_ms is not None or (entry.stream and entry.outcome is Outcome.OUTRUN)
    waits = vitals.streams if streamed else vitals.answers
    waits.saw(entry.duration_ms if entry.first_token_ms is None else entry.first_token_ms)
