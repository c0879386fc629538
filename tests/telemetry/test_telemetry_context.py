"""W3C trace context (https://www.w3.org/TR/trace-context/), and whose traces are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.otel.context import trace_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_the_callers_trace_is_gone_on_with():
    trace = trace_of({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "a=1"}, 0.0)
    assert (trace.trace_id, trace.parent_id, trace.sampled, trace.state) == (TRACE, SPAN, True, "a=1")
    assert not trace_of({"traceparent": f"00-{TRACE}-{SPAN}-00"}, 1.0).sampled, "its own decision counts"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "00",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f" 00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
    ],
)
def test_what_nobody_can_read_begins_a_new_trace(wrong):
    trace = trace_of({"traceparent": wrong, "tracestate": "a=1"}, 1.0)
    assert trace.parent_id == trace.state == ""
    assert trace.trace_id != TRACE
    told = trace.leaving({"tracestate": "a=1", "baggage": "b=2"}, "r.1")
    assert "tracestate" not in told
    assert told["baggage"] == "b=2"


def test_a_later_version_may_say_more():
    assert trace_of({"traceparent": f"01-{TRACE}-{SPAN}-01-more"}, 0.0).trace_id == TRACE


@given(st.text(max_size=60))
def test_whatever_is_sent_makes_a_trace_that_is_valid(sent):
    """Also what leaves for a provider can be read."""
    trace = trace_of({"traceparent": sent}, 0.5)
    onward = trace_of(trace.leaving({}, "r.1"), 0.0)
    assert onward.trace_id == trace.trace_id
    assert onward.parent_id == trace.attempt_id("r.1")
    assert onward.sampled is trace.sampled


def test_attempts_have_spans_of_their_own_and_always_the_same():
    trace = trace_of({}, 1.0)
    assert trace.attempt_id("r.1") == trace.attempt_id("r.1") != trace.attempt_id("r.2")
    assert trace.attempt_id("r.1") != trace.span_id
    assert trace_of({}, 1.0).attempt_id("r.1") != trace.attempt_id("r.1")


def test_a_share_of_new_traces_is_kept():
    assert sum(trace_of({}, 0.1).sampled for _ in range(5000)) in range(350, 650)
    assert all(trace_of({}, 1.0).sampled for _ in range(100))
    assert not any(trace_of({}, 0.0).sampled for _ in range(100))
