"""The thread that makes spans and metrics and sends them to a collector, by OTLP over HTTP.

It looks at what waits once a second, in small batches, and gives way to calls between spans. A collector that is dead
or slow holds up this thread alone: what then finds no room is dropped and counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from gateway import __version__
from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.telemetry.otel.conventions import SECONDS_BUCKETS, TOKEN_BUCKETS, Conventions, plain
from gateway.telemetry.otel.spans import Spans
from gateway.telemetry.otel.tracing import Attempted, Record, Tracing

log = logging.getLogger("fareway.otel")

BATCH = 64
LOOKS_EVERY_S = 1.0
METRICS_EVERY_S = 15.0
SEND_S_MAX = 10
CLOSE_S_MAX = 3.0


class Sender:
    """Runs until it is closed. `endpoint`: the collector's base URL, below which are /v1/traces and /v1/metrics."""

    def __init__(
        self, tracing: Tracing, endpoint: str, headers: Mapping[str, str], version: Conventions, replica: str
    ) -> None:
        self._tracing = tracing
        self._version = version
        self._closed = False
        self.undelivered = 0
        about = {"service.name": "fareway", "service.version": __version__, "service.instance.id": replica}
        resource = Resource.create(about)
        self._spans = Spans(resource, version)
        base, sent = endpoint.rstrip("/"), dict(headers)
        self._exporter = OTLPSpanExporter(f"{base}/v1/traces", headers=sent, timeout=SEND_S_MAX)
        metrics = OTLPMetricExporter(f"{base}/v1/metrics", headers=sent, timeout=SEND_S_MAX)
        reader = PeriodicExportingMetricReader(metrics, METRICS_EVERY_S * 1000, SEND_S_MAX * 1000)
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        self._observe = _instruments(self._meters)
        self._thread = Thread(target=self._run, name="otel", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> dict[tuple[str, ...], float]:
        """Records that nobody will see, by why."""
        return {("full",): self._tracing.dropped, ("undelivered",): self.undelivered}

    def close(self) -> None:
        """Send what waits, for a moment. Blocks."""
        self._closed = True
        self._tracing.woken.set()
        self._thread.join(CLOSE_S_MAX)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
        self._meters.shutdown(CLOSE_S_MAX * 1000)

    def _run(self) -> None:
        while not self._closed:
            self._tracing.woken.wait(LOOKS_EVERY_S)
            self._tracing.woken.clear()
            while records := self._tracing.take(BATCH):
                try:
                    self._send(records)
                except Exception:
                    self.undelivered += len(records)
                    log.exception("some spans could not be made")

    def _send(self, records: list[Record]) -> None:
        spans: list[ReadableSpan] = []
        for record in records:
            if isinstance(record, Attempted) and not record.why:
                self._count(record.entry)
            if (span := self._spans.of(record)) is not None:
                spans.append(span)
            time.sleep(0)  # Calls come first.
        if spans and self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            self.undelivered += len(spans)

    def _count(self, entry: Entry) -> None:
        if entry.outcome in NO_CALLS or entry.outcome is Outcome.CACHED:
            return
        named = plain(entry, self._version)
        duration, tokens, first = self._observe
        duration.record(entry.duration_ms / 1000, named)
        if entry.usage.final:
            tokens.record(entry.usage.input_total, {**named, "gen_ai.token.type": "input"})
            tokens.record(entry.usage.output_total, {**named, "gen_ai.token.type": "output"})
        if entry.first_token_ms is not None and self._version is Conventions.LATEST:
            first.record(entry.first_token_ms / 1000, named)


def _instruments(meters: MeterProvider) -> tuple[Histogram, Histogram, Histogram]:
    make = meters.get_meter("fareway", __version__).create_histogram
    return (
        make(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=SECONDS_BUCKETS,
        ),
        make(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=TOKEN_BUCKETS,
        ),
        make(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time to receive the first chunk.",
            explicit_bucket_boundaries_advisory=SECONDS_BUCKETS,
        ),
    )
