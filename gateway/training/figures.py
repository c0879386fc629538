"""What training jobs have cost, as metrics: of this process, since it began."""

from __future__ import annotations

from collections import defaultdict

from gateway.core.entry import Entry
from gateway.core.money import PICOS_PER_DOLLAR
from gateway.telemetry.metrics import Metrics
from gateway.training.job import MS_PER_HOUR, Job

NAMES_MAX = 1000
"""Of models and kinds of GPUs. Those beyond are counted as "other", so that no series grows without bound."""

Labels = tuple[str, ...]


class Figures:
    """Hears of every entry of a job."""

    def __init__(self, metrics: Metrics) -> None:
        self._names: set[str] = set()
        self._picos: defaultdict[Labels, int] = defaultdict(int)
        self._gpu_ms: defaultdict[Labels, int] = defaultdict(int)
        self._mfu: dict[Labels, float] = {}
        add, cost = metrics.gauges.add, ("model", "job_type", "gpu_type")
        add("ml_training_job_cost_dollars", "What training has cost, cumulative.", cost, self._cost)
        hours = "GPU-hours of training that were booked."
        metrics.totals.add("ml_training_gpu_hours", hours, ("model", "gpu_type"), self._hours)
        add("ml_training_mfu", "Model FLOPs utilisation of the job heard of last.", ("model",), lambda: self._mfu)

    def told(self, job: Job, entry: Entry) -> None:
        """An interval, or the correction of one."""
        model, gpu = self._label(job.model), self._label(job.gpu_type)
        self._picos[model, job.job_type, gpu] += entry.cost.known.picos
        self._gpu_ms[model, gpu] += entry.duration_ms * job.gpus
        if (mfu := job.mfu) is not None:
            self._mfu[model,] = float(mfu)

    def _label(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= NAMES_MAX:
                return "other"
            self._names.add(name)
        return name

    def _cost(self) -> dict[Labels, float]:
        return {labels: picos / PICOS_PER_DOLLAR for labels, picos in self._picos.items()}

    def _hours(self) -> dict[Labels, float]:
        return {labels: ms / MS_PER_HOUR for labels, ms in self._gpu_ms.items()}
