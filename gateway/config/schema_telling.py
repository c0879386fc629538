"""The shape of what comes later, and of what tells others: calls with deadlines, alerts and exports."""

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
    "budget.forecast",
    "spend",
    "spend.anomaly",
    "price",
    "price.changed",
    "price.unknown",
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


class OtelSection(Section):
    """Traces and metrics for an OpenTelemetry collector (with pip install 'fareway[otel]')."""

    endpoint: f.BaseUrl = Field(description="The collector's, for OTLP over HTTP: http://127.0.0.1:4318.")
    headers: dict[f.HeaderName, f.HeaderValue] = Field(
        default_factory=dict, description="Sent with everything; secrets by reference only."
    )
    sample: f.Percentage = Field(
        default="100%",
        validate_default=True,
        description="The share of traces kept that begin here; of others their callers decide.",
    )
    content: bool = Field(default=False, description="Whether what is asked and answered is told, too.")
    conventions: Literal["v1.36", "latest"] | None = Field(
        default=None,
        description="Of GenAI; left out, what OTEL_SEMCONV_STABILITY_OPT_IN says, or else v1.36.",
    )


class TelemetrySection(Section):
    """Who is told of every call, beside /metrics."""

    otel: OtelSection | None = Field(default=None, description="An OpenTelemetry collector.")


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


class DeferredSection(Section):
    """Calls with a deadline (x-fareway-deadline), which are kept on disk until they are answered."""

    waiting: f.Whole = Field(
        default=1000, ge=0, le=1_000_000, description="Of one key, at most; 0: none is taken, and nothing kept on disk."
    )
    batch: f.Duration = Field(
        default="15m", validate_default=True, description="The least time for which a provider's batch is tried."
    )
    collect: f.DurationOrZero = Field(
        default="20s", validate_default=True, description="How long a call waits for others to share a batch with."
    )
    margin: f.DurationOrZero = Field(
        default="10s",
        validate_default=True,
        description="How long before its deadline, beside what such calls take, a call is asked at once.",
    )
    keep: f.Duration = Field(
        default="7d", validate_default=True, description="How long an answer is kept that nobody fetches."
    )
    private_webhooks: bool = Field(
        default=False, description="Whether callers' webhooks may be at addresses that are not public, or without TLS."
    )
