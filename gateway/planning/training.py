"""What one training job costs: compute, storage, transfer and tooling."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gateway.core.money import Money
from gateway.planning.amounts import HOURS_PER_MONTH, over, times

INTERRUPTED = Fraction("0.15")
"""Of the time on spot hardware is lost to interruptions."""
CHECKPOINTS = 5
CHECKPOINT_GB_PER_B = 4
"""Weights in fp16 and as much again for the optimizer's state, per billion parameters."""
STORAGE_GB_MONTH = Money.usd("0.023")
TRANSFER_GB = Money.usd("0.02")
TRANSFERS = 2
"""Of the whole data set: there and back."""
TOOLING_HOUR = Money.usd("0.50")


@dataclass(frozen=True, slots=True)
class Job:
    """A training job as it is planned."""

    hourly: Money  # Of one GPU.
    gpus: int
    hours: Fraction
    params_b: Fraction  # Billions of parameters.
    dataset_gb: Fraction
    epochs: int = 1
    spot: bool = False


@dataclass(frozen=True, slots=True)
class JobCost:
    """What it comes to."""

    compute: Money
    storage: Money
    transfer: Money
    tooling: Money
    per_epoch: Money
    per_billion: Money  # Parameters.

    @property
    def total(self) -> Money:
        """All of it."""
        return self.compute + self.storage + self.transfer + self.tooling


def job_cost(job: Job) -> JobCost:
    """Compute with what interruptions cost on spot, storage of the data and five checkpoints for the time that it
    takes, the data there and back, and the tools by the hour."""
    compute = times(job.hourly, job.gpus * job.hours * (1 + INTERRUPTED if job.spot else 1))
    kept_gb = job.dataset_gb + CHECKPOINTS * CHECKPOINT_GB_PER_B * job.params_b
    storage = times(STORAGE_GB_MONTH, kept_gb * job.hours / HOURS_PER_MONTH)
    transfer = times(TRANSFER_GB, TRANSFERS * job.dataset_gb)
    tooling = times(TOOLING_HOUR, job.hours)
    total = compute + storage + transfer + tooling
    return JobCost(compute, storage, transfer, tooling, over(total, job.epochs), over(total, job.params_b))
