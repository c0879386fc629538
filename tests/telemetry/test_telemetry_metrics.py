"""What /metrics says, and what it must never grow into."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.core.usage import Usage
from gateway.telemetry import metrics as metrics_module
from gateway.telemetry.metrics import Metrics


def entry(**more):
    plain = {
        "id": "r.1", "request_id": "r", "at": 0.0, "caller": Caller("k"), "asked_model": "m", "provider": "p",
        "model": "m", "served_model": "m", "tier": "standard", "selfhosted": False, "reason": "", "held_nanos": 0,
        "usage": Usage(input=10, cache_read=5, output=3, output_reasoning=4),
        "cost": Cost(Money(25 * 10**10), CostStatus.EXACT), "outcome": Outcome.OK, "status": 200,
    }  # fmt: skip
    return Entry(**{**plain, **more})


def families(metrics):
    return {f.name: f for f in text_string_to_metric_families(metrics.exposition().decode())}


def value(metrics, name, **labels):
    """The one sample of that name with exactly these labels; None if there is none."""
    found = [s for f in families(metrics).values() for s in f.samples if s.name == name and s.labels == labels]
    assert len(found) <= 1
    return found[0].value if found else None


def test_cost_is_a_gauge_with_deployment_model_and_tier_only():
    metrics = Metrics()
    metrics.booked(entry())
    metrics.booked(entry(selfhosted=True, tier="economy"))
    family = families(metrics)["ml_inference_cost_dollars"]
    assert family.type == "gauge"
    assert {frozenset(s.labels) for s in family.samples} == {frozenset({"deployment", "model", "tier"})}
    assert {s.name for s in family.samples} == {"ml_inference_cost_dollars"}
    assert value(metrics, "ml_inference_cost_dollars", deployment="api", model="m", tier="standard") == 0.25
    assert value(metrics, "ml_inference_cost_dollars", deployment="selfhosted", model="m", tier="economy") == 0.25


def test_calls_and_tokens_are_counted_under_their_names():
    metrics = Metrics()
    metrics.booked(entry())
    metrics.booked(entry())
    assert value(metrics, "ml_inference_requests_total", model="m", deployment="api") == 2
    assert value(metrics, "ml_inference_tokens_total", model="m", direction="input") == 30
    assert value(metrics, "ml_inference_tokens_total", model="m", direction="output") == 14
    assert value(metrics, "fareway_entries_total", outcome="ok", cost_status="exact") == 2


def test_a_correction_is_no_call_and_changes_what_was_spent():
    metrics = Metrics()
    metrics.booked(entry(outcome=Outcome.PENDING, usage=Usage(final=False)))
    correction = entry(outcome=Outcome.ADJUSTED, cost=Cost(Money(-20 * 10**10), CostStatus.EXACT))
    metrics.booked(correction)
    assert value(metrics, "ml_inference_requests_total", model="m", deployment="api") == 1
    assert value(metrics, "ml_inference_tokens_total", model="m", direction="input") == 15
    assert value(metrics, "ml_inference_cost_dollars", deployment="api", model="m", tier="standard") == 0.05
    assert value(metrics, "fareway_request_duration_seconds_count") == 1


def test_no_series_tells_when_it_was_created():
    metrics = Metrics()
    metrics.booked(entry(first_token_ms=5))
    metrics.count("fareway_errors", "no_price")
    assert b"_created" not in metrics.exposition()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=30))
def test_many_costs_add_up_without_losing_a_pico_dollar(picos):
    """Summed as whole numbers; only the sum becomes a float, and only when somebody looks."""
    metrics = Metrics()
    for amount in picos:
        metrics.booked(entry(cost=Cost(Money(amount), CostStatus.EXACT)))
    exact = Decimal(sum(picos)) / 10**12
    assert value(metrics, "ml_inference_cost_dollars", deployment="api", model="m", tier="standard") == float(exact)


def test_an_unpriced_call_is_counted_apart_and_costs_not_zero():
    metrics = Metrics()
    metrics.booked(entry(cost=UNPRICED))
    assert value(metrics, "fareway_unpriced_total", model="m") == 1
    assert families(metrics)["ml_inference_cost_dollars"].samples == []


def test_an_answer_from_the_cache_saves_and_neither_costs_nor_uses_tokens():
    metrics = Metrics()
    metrics.booked(entry(outcome=Outcome.CACHED, saved_nanos=5 * 10**8, cost=Cost(Money(0), CostStatus.EXACT)))
    assert value(metrics, "fareway_cost_saved_dollars", cause="cache") == 0.5
    assert value(metrics, "ml_inference_requests_total", model="m", deployment="api") == 1
    assert value(metrics, "ml_inference_tokens_total", model="m", direction="input") is None
    assert families(metrics)["ml_inference_cost_dollars"].samples == []


def test_names_beyond_the_most_become_other(monkeypatch):
    monkeypatch.setattr(metrics_module, "MODEL_LABELS_MAX", 2)
    metrics = Metrics()
    for model in ("a", "b", "c", "d", "a"):
        metrics.booked(entry(model=model))
    counted = {s.labels["model"]: s.value for s in families(metrics)["ml_inference_requests"].samples}
    assert counted == {"a": 2, "b": 1, "other": 2}


def test_failed_attempts_before_an_answer_are_fallbacks():
    metrics = Metrics()
    metrics.booked(entry(attempts=("p/a: lost",), outcome=Outcome.FAILED))
    metrics.booked(entry(attempts=("p/a: lost", "p/b: 503")))
    assert value(metrics, "fareway_fallbacks_total") == 2, "each once, though both entries tell of the first"


@pytest.mark.parametrize(("milliseconds", "bucket"), [(50, "0.05"), (51, "0.1"), (400_000, "+Inf")])
def test_durations_fall_into_the_bucket_that_holds_them(milliseconds, bucket):
    metrics = Metrics()
    metrics.booked(entry(duration_ms=milliseconds, first_token_ms=milliseconds))
    for name in ("fareway_request_duration_seconds", "fareway_time_to_first_token_seconds"):
        counts = {s.labels["le"]: s.value for s in families(metrics)[name].samples if s.name.endswith("_bucket")}
        reached = [bound for bound, count in counts.items() if count == 1]
        assert reached[0] == bucket
        assert reached[-1] == "+Inf"
        assert value(metrics, f"{name}_sum") == milliseconds / 1000
        assert value(metrics, f"{name}_count") == 1


def test_a_call_without_a_first_token_is_not_one_that_came_at_once():
    metrics = Metrics()
    metrics.booked(entry(first_token_ms=None))
    assert value(metrics, "fareway_time_to_first_token_seconds_count") == 0


def test_counters_named_by_events_and_figures_kept_by_others_are_shown():
    metrics = Metrics()
    metrics.count("fareway_refusals", "usd", "held")
    metrics.gauges.add("fareway_breaker", "Open breakers.", ("deployment",), lambda: {("p/m",): 1.0})
    assert value(metrics, "fareway_refusals_total", unit="usd", reason="held") == 1
    assert value(metrics, "fareway_breaker", deployment="p/m") == 1


def test_a_counter_that_nobody_declared_is_a_bug():
    with pytest.raises(KeyError):
        Metrics().count("fareway_typo")


def test_labels_with_anything_in_them_keep_the_page_readable():
    metrics = Metrics()
    metrics.booked(entry(model='a"b\\c\nd'))
    assert value(metrics, "ml_inference_requests_total", model='a"b\\c\nd', deployment="api") == 1
