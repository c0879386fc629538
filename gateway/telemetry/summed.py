"""The metrics of several processes as those of one: amounts are added up, of ages and flags the largest counts."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

LARGEST_COUNTS = frozenset(
    {
        "fareway_price_age_seconds",
        "fareway_price_quarantined",
        "fareway_breaker_open",
        "fareway_clock_offset_seconds",
        "fareway_store_down",
        "fareway_router_on",
        "ml_training_mfu",
    }
)
SAME_EVERYWHERE = "fareway_fleet_backend_"
"""How the figures begin that every process has seen at the same engine."""


class Family(Struct, frozen=True):
    """One metric of one process."""

    name: str
    kind: str
    help_text: str
    samples: list[tuple[str, dict[str, str], float]]  # Name, labels, figure.


_families = msgspec.json.Decoder(list[Family])


def told(collector: Collector) -> bytes:
    """All metrics, for another process to add up."""
    return msgspec.json.encode(
        [
            Family(m.name, m.type, m.documentation, [(s.name, dict(s.labels), s.value) for s in m.samples])
            for m in collector.collect()
        ]
    )


def heard(text: bytes) -> list[Family]:
    """What another process told. Raises msgspec.MsgspecError."""
    return _families.decode(text)


def exposition(processes: Iterable[list[Family]]) -> bytes:
    """The text for /metrics."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Summed(processes))
    return generate_latest(registry)


class _Summed(Collector):
    def __init__(self, processes: Iterable[list[Family]]) -> None:
        self._processes = list(processes)

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client's Collector."""
        first: dict[str, Family] = {}
        sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
        for family in (family for families in self._processes for family in families):
            first.setdefault(family.name, family)
            figures = sums.setdefault(family.name, {})
            for name, labels, figure in family.samples:
                series = name, tuple(labels.items())
                known = figures.get(series, 0.0)
                largest = family.name in LARGEST_COUNTS or family.name.startswith(SAME_EVERYWHERE)
                figures[series] = max(known, figure) if largest else known + figure
        for family in first.values():
            metric = Metric(family.name, family.help_text, family.kind)
            for (name, series_labels), figure in sums[family.name].items():
                metric.add_sample(name, dict(series_labels), figure)
            yield metric
