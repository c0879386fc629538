"""The metrics of several processes as those of one: amounts are added up, of ages and flags the largest counts."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

LARGEST_COUNTS = frozenset(
    {
        "fareway_price_age_seconds",
        "fareway_price_feed",
        "fareway_price_pinned",
        "fareway_price_quarantined",
        "fareway_breaker_open",
        "fareway_clock_offset_seconds",
        "fareway_store_down",
        "fareway_router_on",
        "ml_training_mfu",
        "fareway_budget_limit_dollars",
        "fareway_budget_spent_dollars",
        "fareway_budget_held_dollars",
        "fareway_budget_reset_timestamp_seconds",
        "fareway_home_free_bytes",
        "fareway_build_info",
    }
)
SAME_EVERYWHERE = "fareway_fleet_"
"""How the figures begin that every process has seen at the same engine, or works out for all processes."""


Series = tuple[str, tuple[tuple[str, str], ...]]  # A sample's name and labels.


class Sample(Struct, frozen=True, array_like=True):
    """One figure of one process."""

    name: str
    labels: dict[str, str]
    figure: float
    exemplar: tuple[dict[str, str], float, float] | None = None  # Labels, value, Unix seconds.


class Family(Struct, frozen=True):
    """One metric of one process."""

    name: str
    kind: str
    help_text: str
    samples: list[Sample]


_families = msgspec.json.Decoder(list[Family])


def told(collector: Collector) -> bytes:
    """All metrics, for another process to add up."""
    return msgspec.json.encode(
        [
            Family(
                m.name,
                m.type,
                m.documentation,
                [Sample(s.name, dict(s.labels), s.value, _plain(s.exemplar)) for s in m.samples],
            )
            for m in collector.collect()
        ]
    )


def _plain(exemplar: Exemplar | None) -> tuple[dict[str, str], float, float] | None:
    return None if exemplar is None else (exemplar.labels, exemplar.value, float(exemplar.timestamp or 0))


def heard(text: bytes) -> list[Family]:
    """What another process told. Raises msgspec.MsgspecError."""
    return _families.decode(text)


def exposition(processes: Iterable[list[Family]], accept: str = "") -> tuple[bytes, str]:
    """The page of /metrics in the format that this Accept header asks for, and its content type. Exemplars are in
    OpenMetrics only (https://prometheus.io/docs/specs/om/open_metrics_spec/)."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Summed(processes))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Summed(Collector):
    def __init__(self, processes: Iterable[list[Family]]) -> None:
        self._processes = list(processes)

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client's Collector."""
        first: dict[str, Family] = {}
        sums: dict[str, dict[Series, Sample]] = {}
        for family in (family for families in self._processes for family in families):
            first.setdefault(family.name, family)
            figures = sums.setdefault(family.name, {})
            largest = family.name in LARGEST_COUNTS or family.name.startswith(SAME_EVERYWHERE)
            for sample in family.samples:
                series = sample.name, tuple(sample.labels.items())
                known = figures.get(series)
                figures[series] = sample if known is None else _together(known, sample, largest=largest)
        for family in first.values():
            metric = Metric(family.name, family.help_text, family.kind)
            for sample in sums[family.name].values():
                exemplar = None if sample.exemplar is None else Exemplar(*sample.exemplar)
                metric.add_sample(sample.name, sample.labels, sample.figure, exemplar=exemplar)
            yield metric


def _together(one: Sample, other: Sample, *, largest: bool) -> Sample:
    figure = max(one.figure, other.figure) if largest else one.figure + other.figure
    return Sample(one.name, one.labels, figure, one.exemplar or other.exemplar)
