"""The shape of what tells others: alerts and exports."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.alerts.shapes import Shape
from gateway.config import fields as f
from gateway.config.section import Section

AlertEvent = Literal[
    "budget",
    "budget.threshold",
    "budget.exceeded",
    "price",
    "price.quarantined",
    "price.stale",
    "provider",
    "provider.down",
    "provider.recovered",
    "store",
    "store.degraded",
    "store.recovered",
    "ledger",
    "ledger.drift",
    "key",
    "key.created",
    "key.revoked",
]


class AlertSection(Section):
    """Somebody who is told what happens."""

    name: str | None = Field(default=None, min_length=1, description="For people; else its shape and number: slack-1.")
    shape: Shape = Field(default=Shape.WEBHOOK, description="webhook, slack, teams, discord or mail.")
    to: f.HeaderValue = Field(description="A URL; by reference where it is a secret itself. Of mail: the address.")
    events: list[AlertEvent] = Field(
        default_factory=list,
        description="Kinds, such as budget.exceeded, or families, such as budget; all if empty.",
    )
    secret: f.Secret | None = Field(default=None, description="By reference only. What webhooks are signed with.")
    server: f.HeaderValue | None = Field(default=None, description="Of mail: smtp://user:password@host:587.")
    sender: str | None = Field(default=None, min_length=3, description="Of mail: whom it is from.")
    private: bool = Field(
        default=False, description="Whether its address may be one that is not public, or has no TLS."
    )


class ExportSection(Section):
    """A place that gets a file for every day that is over."""

    to: f.ExportPlace = Field(description="A folder, or s3://bucket/prefix (with pip install 'fareway[aws]').")
    format: Literal["csv", "json", "parquet", "focus"] = Field(
        default="csv", description="One row for each call; or FOCUS charges, as CSV."
    )
    focus_version: Literal["1.2", "1.4"] = Field(default="1.2", description="Of focus: 1.2 or 1.4.")
