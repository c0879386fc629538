"""Spans as the OpenTelemetry SDK knows them, from what is over. In the thread that sends."""

from __future__ import annotations

from collections import Counter, OrderedDict

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from gateway import __version__
from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.telemetry.otel import content
from gateway.telemetry.otel.context import Trace
from gateway.telemetry.otel.conventions import Attributes, Conventions, attributes, error_type, span_name
from gateway.telemetry.otel.tracing import CALLS_MAX, Attempted, Record, Served

NANOS_PER_S = 10**9

SCOPE = InstrumentationScope("fareway", __version__)


class Spans:
    """Makes them. What the attempts of a call cost is added up until the call itself is over."""

    def __init__(self, resource: Resource, version: Conventions) -> None:
        self._resource = resource
        self._version = version
        self._costs: OrderedDict[str, Counter[str]] = OrderedDict()

    def of(self, record: Record) -> ReadableSpan | None:
        """The span of this; None where its trace is not kept, or no provider was asked."""
        if isinstance(record, Served):
            cost = self._costs.pop(record.request_id, Counter[str]())
            return self._served(record, cost) if record.trace.sampled else None
        if record.trace is None or not record.trace.sampled:
            return None
        if not record.why:
            self._add_cost(record)
        return None if record.entry.outcome is Outcome.CACHED else self._attempted(record, record.trace)

    def _add_cost(self, record: Attempted) -> None:
        entry = record.entry
        cost = self._costs.setdefault(entry.request_id, Counter())
        cost["picos"] += entry.cost.known.picos
        cost["saved_nanos"] += entry.saved_nanos
        cost["unpriced"] += entry.cost.total is None
        if len(self._costs) > CALLS_MAX:
            self._costs.popitem(last=False)

    def _attempted(self, record: Attempted, trace: Trace) -> ReadableSpan:
        entry = record.entry
        found = attributes(entry, self._version)
        wrong = record.why.rpartition(": ")[2].removeprefix("status ") or error_type(entry)
        if record.why:  # Its draft says what it would have been booked at.
            money = ("fareway.cost.", "fareway.price_id", "fareway.outcome")
            found = {name: value for name, value in found.items() if not name.startswith(money)}
        if wrong:
            found["error.type"] = wrong
        return ReadableSpan(
            span_name(entry),
            _context(trace, trace.attempt_id(entry.id)),
            _context(trace, trace.span_id),
            self._resource,
            found,
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.ERROR, record.why or wrong) if wrong else Status(StatusCode.UNSET),
            start_time=round(entry.at * NANOS_PER_S),
            end_time=round(max(record.ended, entry.at) * NANOS_PER_S),
            instrumentation_scope=SCOPE,
        )

    def _served(self, record: Served, cost: Counter[str]) -> ReadableSpan:
        trace = record.trace
        found: Attributes = {
            "http.request.method": "POST",
            "url.path": record.path,
            "http.response.status_code": record.status,
            "fareway.request_id": record.request_id,
            "fareway.cost.nano_usd": Money(cost["picos"]).nanos_up,
            "fareway.cost.usd": Money(cost["picos"]).decimal,
            "fareway.saved_nano_usd": cost["saved_nanos"],
        }
        if cost["unpriced"]:  # The sum is of what is known.
            found["fareway.cost.unpriced_attempts"] = cost["unpriced"]
        if record.error:
            found["error.type"] = record.error
        found |= {} if record.heard is None else content.attributes(record.heard)
        failed = record.status >= 500
        return ReadableSpan(
            f"POST {record.path}",
            _context(trace, trace.span_id),
            _context(trace, trace.parent_id, remote=True) if trace.parent_id else None,
            self._resource,
            found,
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR, record.error) if failed else Status(StatusCode.UNSET),
            start_time=round(record.begun * NANOS_PER_S),
            end_time=round(record.ended * NANOS_PER_S),
            instrumentation_scope=SCOPE,
        )


def _context(trace: Trace, span_id: str, *, remote: bool = False) -> SpanContext:
    state = TraceState.from_header([trace.state]) if trace.state else TraceState()
    return SpanContext(int(trace.trace_id, 16), int(span_id, 16), remote, TraceFlags(TraceFlags.SAMPLED), state)
