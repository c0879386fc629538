"""What waits to be sent is bounded, whatever becomes of the collector."""

from test_telemetry_metrics import entry

from gateway.telemetry.otel import tracing as tracing_module
from gateway.telemetry.otel.tracing import WAITING_MAX, Tracing


def test_what_finds_no_room_is_dropped_and_counted():
    tracing = Tracing(1.0, lambda: 0.0)
    for _ in range(WAITING_MAX + 10):
        tracing.booked(entry())
    assert tracing.dropped == 10
    assert len(tracing.take(WAITING_MAX * 2)) == WAITING_MAX
    tracing.booked(entry())
    assert tracing.dropped == 10
    assert tracing.woken.is_set(), "many are sent before a while is over"


def test_the_traces_of_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr(tracing_module, "CALLS_MAX", 2)
    tracing = Tracing(1.0, lambda: 0.0)
    for name in ("a", "b", "r"):
        tracing.begin(name, {})
    assert tracing.sampled("a") is None
    assert tracing.sampled("r") is not None
    tracing.booked(entry(request_id="a"))
    assert tracing.take(1)[0].trace is None
