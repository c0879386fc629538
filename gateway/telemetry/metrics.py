"""Counters for Prometheus. Kept as whole numbers, turned into floats only when somebody looks.

`ml_inference_cost_dollars` is cumulative and monotonic but exposed as a gauge: the client library would
append `_total` to a counter's name, and `rate()` and `increase()` do not look at the type.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.core.entry import TRAINING, Entry, Outcome
from gateway.core.money import PICOS_PER_DOLLAR

NANOS_PER_DOLLAR = 10**9

Labels = tuple[str, ...]

OVERHEAD_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
SECONDS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


MODEL_LABELS_MAX = 1000
"""Names beyond are counted as "other", so that no series grows without bound."""


class Histogram:
    """Counts by bucket, without labels."""

    def __init__(self, name: str, help_text: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._help = help_text
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> Metric:
        """For exposition."""
        total, buckets = 0, []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(self._name, self._help, buckets=buckets, sum_value=self._sum)


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
        self._models: set[str] = set()
        self._counts: dict[str, defaultdict[Labels, int]] = {name: defaultdict(int) for name in _COUNTERS}
        self._cost: defaultdict[Labels, int] = defaultdict(int)  # Pico-dollars.
        self._saved: defaultdict[Labels, int] = defaultdict(int)  # Nano-dollars.
        self.overhead = Histogram("fareway_overhead_seconds", "Time spent in the gateway itself.", OVERHEAD_BUCKETS_S)
        self.duration = Histogram("fareway_request_duration_seconds", "From dispatch to the end.", SECONDS_BUCKETS)
        self.first_token = Histogram(
            "fareway_time_to_first_token_seconds", "From asking to the first chunk.", SECONDS_BUCKETS
        )
        self.gauges = Gauges()
        self.totals = Gauges(CounterMetricFamily)

    def count(self, name: str, *labels: str) -> None:
        """Add one to a counter named in _COUNTERS."""
        self._counts[name][labels] += 1

    def booked(self, entry: Entry) -> None:
        """Everything that a ledger entry says."""
        if entry.tier == TRAINING:  # Jobs have figures of their own.
            return
        model = self._label(entry.model)
        where = "selfhosted" if entry.selfhosted else "api"
        counts = self._counts
        adjusts = entry.outcome is Outcome.ADJUSTED
        counts["ml_inference_requests"][model, where] += not adjusts
        counts["fareway_entries"][entry.outcome, entry.cost.status] += 1
        # Attempts before one that gave no answer are told again by the one that did.
        if entry.outcome not in (Outcome.FAILED, Outcome.OUTRUN):
            counts["fareway_fallbacks"][()] += len(entry.attempts)
        if entry.outcome is Outcome.CACHED:
            self._saved["cache",] += entry.saved_nanos
            return
        if entry.saved_nanos:
            self._saved["deadline",] += entry.saved_nanos
        counts["ml_inference_tokens"][model, "input"] += entry.usage.input_total
        counts["ml_inference_tokens"][model, "output"] += entry.usage.output_total
        if entry.cost.total is None:
            counts["fareway_unpriced"][model,] += 1
        else:
            self._cost[model, where, entry.tier] += entry.cost.total.picos
        if adjusts:
            return
        self.duration.observe(entry.duration_ms / 1000)
        if entry.first_token_ms is not None:
            self.first_token.observe(entry.first_token_ms / 1000)

    def _label(self, model: str) -> str:
        if model not in self._models:
            if len(self._models) >= MODEL_LABELS_MAX:
                return "other"
            self._models.add(model)
        return model

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client's Collector."""
        yield _gauge("ml_inference_cost_dollars", ("model", "deployment", "tier"), self._cost, PICOS_PER_DOLLAR)
        yield _gauge("fareway_cost_saved_dollars", ("cause",), self._saved, NANOS_PER_DOLLAR)
        for name, (help_text, labels) in _COUNTERS.items():
            family = CounterMetricFamily(name, help_text, labels=labels)
            for values, figure in self._counts[name].items():
                family.add_metric(values, figure)
            yield family
        yield from (self.overhead.family(), self.duration.family(), self.first_token.family())
        yield from self.gauges.families()
        yield from self.totals.families()

    def exposition(self) -> bytes:
        """The text for /metrics."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)


_COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ml_inference_requests": ("Calls that ended, by model.", ("model", "deployment")),
    "ml_inference_tokens": ("Tokens, by model and direction.", ("model", "direction")),
    "fareway_entries": ("Ledger entries, by how the call ended and how sure its cost is.", ("outcome", "cost_status")),
    "fareway_refusals": ("Calls refused by a limit.", ("unit", "reason")),
    "fareway_limit_thresholds": ("Parts of limits that were spent, each told once.", ("limit", "threshold")),
    "fareway_limit_passed": ("Calls that a soft or shadow limit would have refused.", ("limit", "mode")),
    "fareway_errors": ("Answers that were an error of ours.", ("code",)),
    "fareway_fallbacks": ("Attempts that failed before another one answered.", ()),
    "fareway_idempotent": ("Calls answered by the one that had their Idempotency-Key.", ("result",)),
    "fareway_cache": ("Calls of keys that use the cache.", ("result",)),
    "fareway_feedback": ("Answers that callers have rated, by the side of the guard's comparison.", ("arm",)),
    "fareway_unpriced": ("Calls whose cost nobody knows.", ("model",)),
    "fareway_token_bound_exceeded": ("Answers billed for more input than was taken for the most.", ()),
    "fareway_uncertain": (
        "Answers whose usage contradicted itself, or whose tier or alias has no price.",
        ("provider",),
    ),
    "fareway_alerts": ("What people were told of.", ("kind", "outcome")),
    "fareway_exports": ("Files for other programs.", ("outcome",)),
    "fareway_deferred": ("Calls with a deadline that have ended.", ("way", "state")),
    "fareway_usage_mended": ("Answers whose usage contradicted itself and was mended.", ("provider",)),
}

_HELP = {
    "ml_inference_cost_dollars": "What calls have cost, cumulative.",
    "fareway_cost_saved_dollars": "What calls would have cost more, cumulative.",
}


def _gauge(name: str, labels: Sequence[str], figures: Mapping[Labels, int], unit: int) -> Metric:
    family = GaugeMetricFamily(name, _HELP[name], labels=labels)
    for values, figure in figures.items():
        family.add_metric(values, figure / unit)
    return family
