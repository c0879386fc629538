"""The section of fareway.yaml about training jobs."""

from __future__ import annotations

from pydantic import Field

from gateway.config import fields as f
from gateway.config.section import Section


class TrainingSection(Section):
    """Training jobs that are metered here."""

    approve_above: f.DollarAmount | None = Field(
        default=None,
        description="A job that may cost more, or of which nobody has said what it may cost, waits for an admin's yes: "
        "500 usd. Left out, none does.",
    )
    interval: f.Interval = Field(
        default="5m",
        validate_default=True,
        description="How much of a job is held ahead and booked at a time, from 1s to 1h: two of it are held.",
    )
    silent_after: f.Interval = Field(
        default="15m",
        validate_default=True,
        description="A job that nobody has heard of for so long is over, as of its last heartbeat; from 1s to 1h.",
    )
