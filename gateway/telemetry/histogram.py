"""Counts by bucket, for Prometheus. The newest traced call of each bucket is its exemplar."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar

Labels = tuple[str, ...]

OVERHEAD_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
SECONDS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class _Series:
    """What was observed under one set of labels."""

    __slots__ = ("counts", "exemplars", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.sum = 0.0
        self.exemplars: dict[int, Exemplar] = {}  # By bucket.


class Histogram:
    """One histogram. Without labels it is shown before anything was observed, too."""

    def __init__(self, name: str, help_text: str, bounds: Sequence[float], labels: Sequence[str] = ()) -> None:
        self.name = name
        self.help_text = help_text
        self.labels = tuple(labels)
        self._bounds = bounds
        self._series: defaultdict[Labels, _Series] = defaultdict(lambda: _Series(len(bounds) + 1))
        if not labels:
            _ = self._series[()]

    def observe(self, value: float, *labels: str, trace_id: str | None = None) -> None:
        """Count one value. `trace_id`: of a trace that somebody keeps."""
        series, bucket = self._series[labels], bisect_left(self._bounds, value)
        series.counts[bucket] += 1
        series.sum += value
        if trace_id is not None:
            series.exemplars[bucket] = Exemplar({"trace_id": trace_id}, value, time.time())

    def family(self) -> Metric:
        """For exposition."""
        family = HistogramMetricFamily(self.name, self.help_text, labels=self.labels)
        for labels, series in self._series.items():
            family.add_metric(labels, list(self._cumulated(series)), series.sum)
        return family

    def _cumulated(self, series: _Series) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
        total = 0
        for bucket, bound in enumerate([*map(str, self._bounds), "+Inf"]):
            total += series.counts[bucket]
            exemplar = series.exemplars.get(bucket)
            yield (bound, total) if exemplar is None else (bound, total, exemplar)
