"""Traces, where the settings ask for them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.util import find_spec

from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.otel.conventions import Conventions, opted
from gateway.telemetry.otel.tracing import Tracing


def tracing(
    settings: Settings, clock: Callable[[], float], metrics: Metrics, stack: AsyncExitStack, replica: str
) -> Tracing | None:
    """Traces on their way to a collector; None where nobody wants them. What waits is sent at the end, for a moment.
    Raises Unavailable where a package is missing."""
    otel = settings.otel
    if otel is None:
        return None
    if find_spec("opentelemetry.exporter") is None or find_spec("opentelemetry.sdk") is None:
        raise Unavailable("telemetry.otel needs more packages: pip install 'fareway[otel]'")
    from gateway.telemetry.otel.sending import Sender  # noqa: PLC0415 - an extra, and only here

    version = Conventions(otel.conventions) if otel.conventions is not None else opted(os.environ)
    found = Tracing(otel.sample, clock)
    sender = Sender(found, otel.endpoint, otel.headers, version, replica)
    stack.push_async_callback(asyncio.to_thread, sender.close)
    metrics.trace_of = found.sampled
    lost = "Records for OpenTelemetry that nobody will see."
    metrics.totals.add("fareway_otel_dropped", lost, ("reason",), lambda: sender.dropped)
    return found
