"""Counters for Prometheus. Kept as whole numbers, turned into floats only when somebody looks.

`ml_inference_cost_dollars` is cumulative but exposed as a gauge: the client library would append `_total` to a
counter's name, and it falls where a correction gives money back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.core.entry import NO_CALLS, TRAINING, Entry, Outcome
from gateway.telemetry.histogram import OVERHEAD_BUCKETS_S, SECONDS_BUCKETS, Histogram
from gateway.telemetry.tallies import Tallies

Labels = tuple[str, ...]

NOT_SENT = "given up before it left"
"""Why an attempt came to nothing that is no provider's fault."""


class Gauges:
    """Figures that others keep, read when somebody looks: name -> (help, function to labels and values). `family`:
    what kind they are of."""

    def __init__(self, family: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily) -> None:
        self._family = family
        self._readers: dict[str, tuple[str, Sequence[str], Callable[[], Mapping[Labels, float]]]] = {}

    def add(self, name: str, help_text: str, labels: Sequence[str], read: Callable[[], Mapping[Labels, float]]) -> None:
        """Register one."""
        self._readers[name] = (help_text, labels, read)

    def families(self) -> Iterator[Metric]:
        """For exposition."""
        for name, (help_text, labels, read) in self._readers.items():
            family = self._family(name, help_text, labels=labels)
            for values, figure in read().items():
                family.add_metric(values, figure)
            yield family


class Metrics(Collector):
    """All metrics. A model's name becomes a label once a provider has answered for it: callers cannot mint them."""

    def __init__(self) -> None:
        self._counts: dict[str, defaultdict[Labels, int]] = {name: defaultdict(int) for name in COUNTERS}
        self._tallies = Tallies()
        self.overhead = Histogram("fareway_overhead_seconds", "Time spent in the gateway itself.", OVERHEAD_BUCKETS_S)
        self.duration = Histogram(
            "fareway_request_duration_seconds", "From dispatch to the end.", SECONDS_BUCKETS, ("provider",)
        )
        self.first_token = Histogram(
            "fareway_time_to_first_token_seconds", "From asking to the first chunk.", SECONDS_BUCKETS, ("provider",)
        )
        self.loop_lag = Histogram(
            "fareway_loop_lag_seconds",
            "How late the event loop is: all that it does waits as long.",
            OVERHEAD_BUCKETS_S,
        )
        self.gauges = Gauges()
        self.totals = Gauges(CounterMetricFamily)
        self.trace_of: Callable[[str], str | None] | None = None  # The trace of a request's id, where there are any.

    def count(self, name: str, *labels: str) -> None:
        """Add one to a counter named in COUNTERS."""
        self._counts[name][labels] += 1

    def booked(self, entry: Entry) -> None:
        """Everything that a ledger entry says."""
        if entry.tier == TRAINING:  # Jobs have figures of their own.
            return
        counts, outcome = self._counts, entry.outcome
        self._tallies.booked(entry)
        counts["fareway_entries"][outcome, entry.cost.status] += 1
        # Attempts before one that gave no answer are told again by the one that did.
        if entry.attempts and outcome not in (Outcome.FAILED, Outcome.OUTRUN):
            counts["fareway_fallbacks"][()] += len(entry.attempts)
        if outcome is not Outcome.OK:
            if outcome is Outcome.CACHED or outcome in NO_CALLS:
                return
            if (lost := _LOST.get(outcome)) is not None:
                counts["fareway_upstream_errors"][entry.provider, lost] += 1
        trace_id = None if self.trace_of is None else self.trace_of(entry.request_id)
        self.duration.observe(entry.duration_ms / 1000, entry.provider, trace_id=trace_id)
        if entry.first_token_ms is not None:
            self.first_token.observe(entry.first_token_ms / 1000, entry.provider, trace_id=trace_id)

    def voided(self, draft: Entry, why: str) -> None:
        """An attempt came to nothing, and was not charged for."""
        if why != NOT_SENT:
            self._counts["fareway_upstream_errors"][draft.provider, why.rpartition(": ")[2]] += 1

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client's Collector."""
        yield from self._tallies.families()
        for name, (help_text, labels) in COUNTERS.items():
            family = CounterMetricFamily(name, help_text, labels=labels)
            for values, figure in self._counts[name].items():
                family.add_metric(values, figure)
            yield family
        yield from (one.family() for one in (self.overhead, self.duration, self.first_token, self.loop_lag))
        yield from self.gauges.families()
        yield from self.totals.families()


_LOST = {Outcome.FAILED: "lost", Outcome.CUT: "cut"}

COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "fareway_entries": ("Ledger entries, by how the call ended and how sure its cost is.", ("outcome", "cost_status")),
    "fareway_refusals": ("Calls refused by a limit.", ("unit", "reason")),
    "fareway_limit_thresholds": ("Parts of limits that were spent, each told once.", ("limit", "threshold")),
    "fareway_limit_passed": ("Calls that a soft or shadow limit would have refused.", ("limit", "mode")),
    "fareway_shed": (
        "Requests turned away: too many come (crowded) or run (full), or there is no room for a body (large).",
        ("reason",),
    ),
    "fareway_errors": (
        "Answers that were an error in our words, but not of what a provider had against the request.",
        ("code",),
    ),
    "fareway_upstream_errors": ("Attempts at a provider that failed.", ("provider", "kind")),
    "fareway_fallbacks": ("Attempts that failed before another one answered.", ()),
    "fareway_idempotent": ("Calls answered by the one that had their Idempotency-Key.", ("result",)),
    "fareway_cache": ("Calls of keys that use the cache.", ("result",)),
    "fareway_feedback": ("Answers that callers have rated, by the side of the guard's comparison.", ("arm",)),
    "fareway_token_bound_exceeded": ("Answers billed for more input than was taken for the most.", ()),
    "fareway_config_reloads": ("Times that the configuration was read again, by what came of it.", ("result",)),
    "fareway_uncertain": (
        "Answers whose usage contradicted itself, or whose tier or alias has no price.",
        ("provider",),
    ),
    "fareway_alerts": ("What people were told of.", ("kind", "outcome")),
    "fareway_exports": ("Files for other programs.", ("outcome",)),
    "fareway_deferred": ("Calls with a deadline that have ended.", ("way", "state")),
    "fareway_usage_mended": ("Answers whose usage contradicted itself and was mended.", ("provider",)),
}
