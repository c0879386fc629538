"""What /metrics says, and what it must never grow into."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.core.usage import Usage
from gateway.telemetry import places, tallies
from gateway.telemetry.metrics import NOT_SENT, Metrics
from gateway.telemetry.summed import exposition, heard, told
from gateway.telemetry.tallies import TOKEN_CLASSES

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def entry(**more):
    plain = {
        "id": "r.1", "request_id": "r", "at": 0.0, "caller": Caller("k"), "asked_model": "m", "provider": "p",
        "model": "m", "served_model": "m", "tier": "standard", "selfhosted": False, "reason": "", "held_nanos": 0,
        "usage": Usage(input=10, cache_read=5, output=3, output_reasoning=4),
        "cost": Cost(Money(25 * 10**10), CostStatus.EXACT), "outcome": Outcome.OK, "status": 200,
    }  # fmt: skip
    return Entry(**{**plain, **more})


def page(*processes, accept=""):
    return exposition([heard(told(metrics)) for metrics in processes], accept)[0].decode()


def families(*processes):
    return {f.name: f for f in text_string_to_metric_families(page(*processes))}


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
    assert value(metrics, "fareway_request_duration_seconds_count", provider="p") == 1
    by = {"team": "", "provider": "p", "model": "m", "tier": "standard"}
    assert value(metrics, "fareway_spend_dollars_total", **by) == 0.25
    assert value(metrics, "fareway_credit_dollars_total", **by) == 0.2, "a counter never falls"


def test_no_series_tells_when_it_was_created():
    metrics = Metrics()
    metrics.booked(entry(first_token_ms=5))
    metrics.count("fareway_errors", "no_price")
    assert "_created" not in page(metrics)
    assert "_created" not in page(metrics, accept=OPENMETRICS)


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


def test_a_batch_without_a_price_is_one_such_call():
    """Its correction is none; its tokens count, and cost not zero, also where another process had the call."""
    correction = entry(outcome=Outcome.ADJUSTED, cost=UNPRICED)
    metrics, another = Metrics(), Metrics()
    metrics.booked(entry(outcome=Outcome.PENDING, usage=Usage(final=False), cost=UNPRICED))
    for one, count in (metrics, 1), (another, None):
        one.booked(correction)
        assert value(one, "fareway_unpriced_total", model="m") == count
        assert value(one, "ml_inference_tokens_total", model="m", direction="input") == 15
        assert families(one)["ml_inference_cost_dollars"].samples == []


def test_an_answer_from_the_cache_saves_and_neither_costs_nor_uses_tokens():
    metrics = Metrics()
    metrics.booked(entry(outcome=Outcome.CACHED, saved_nanos=5 * 10**8, cost=Cost(Money(0), CostStatus.EXACT)))
    assert value(metrics, "fareway_cost_saved_dollars_total", cause="cache") == 0.5
    assert value(metrics, "ml_inference_requests_total", model="m", deployment="api") == 1
    assert value(metrics, "ml_inference_tokens_total", model="m", direction="input") is None
    assert families(metrics)["ml_inference_cost_dollars"].samples == []


INVENTED = 10_000


def test_names_that_callers_invent_make_few_series_and_every_sum_stays_exact():
    """Ten thousand models without a price and as many with one, of as many teams."""
    metrics = Metrics()
    for number in range(INVENTED):
        team = Caller("k", team=f"team-{number}")
        metrics.booked(entry(model=f"invented-{number}", caller=team, cost=UNPRICED))
        metrics.booked(entry(model=f"priced-{number}", caller=team))
    seen = families(metrics)
    calls = [s for s in seen["ml_inference_requests"].samples if s.labels["deployment"] == "api"]
    assert sum(s.value for s in calls) == 2 * INVENTED
    assert len(calls) == places.MODELS_MAX + places.UNPRICED_MODELS_MAX + 1
    spent = seen["fareway_spend_dollars"].samples
    assert sum(Decimal(str(s.value)) for s in spent) == Decimal("0.25") * INVENTED
    assert len({s.labels["team"] for s in spent}) == places.TEAMS_MAX + 1
    assert len(spent) <= places.TALLIES_MAX + 1
    assert sum(len(f.samples) for f in seen.values()) < 3 * places.TALLIES_MAX


def test_models_without_a_price_take_no_place_from_those_that_cost_money():
    metrics = Metrics()
    for number in range(INVENTED):
        metrics.booked(entry(model=f"invented-{number}", cost=UNPRICED))
    metrics.booked(entry(model="dear"))
    assert value(metrics, "ml_inference_cost_dollars", deployment="api", model="dear", tier="standard") == 0.25


def test_pairs_beyond_the_most_keep_provider_and_tier(monkeypatch):
    monkeypatch.setattr(tallies, "TALLIES_MAX", 2)
    metrics = Metrics()
    for model in ("a", "b", "c", "d", "a"):
        metrics.booked(entry(model=model))
    spent = {s.labels["model"]: s for s in families(metrics)["fareway_spend_dollars"].samples}
    assert {model: s.value for model, s in spent.items()} == {"a": 0.5, "b": 0.25, "other": 0.5}
    assert spent["other"].labels == {"team": "other", "provider": "p", "model": "other", "tier": "standard"}


def test_tokens_are_counted_by_class_and_once():
    metrics = Metrics()
    usage = Usage(**dict.fromkeys(TOKEN_CLASSES, 1))
    metrics.booked(entry(usage=usage))
    by_class = {s.labels["class"]: s.value for s in families(metrics)["fareway_tokens"].samples}
    assert by_class == dict.fromkeys(TOKEN_CLASSES, 1)
    assert sum(by_class.values()) == usage.tokens


def of_cache(cache, **usage):
    cost = Cost(Money(10_000 + cache), CostStatus.EXACT, input=Money(10_000), cache=Money(cache))
    return entry(cost=cost, usage=Usage(input=10, **usage))


def test_what_a_prompt_cache_is_worth_is_told_by_the_entry_itself():
    """Uncached input pays 1000 here: reads at a tenth save nine, a write at 1.25 costs a quarter more."""
    metrics = Metrics()
    metrics.booked(of_cache(100 * 100, cache_read=100))
    metrics.booked(of_cache(100 * 1250, cache_write=100))
    assert value(metrics, "fareway_cost_saved_dollars_total", cause="prompt_cache") == 90_000 / 10**12
    assert value(metrics, "fareway_cost_added_dollars_total", cause="prompt_cache") == 25_000 / 10**12


def test_of_pictures_the_entry_does_not_tell_the_rate():
    metrics = Metrics()
    metrics.booked(of_cache(100, cache_read=100, input_image=5))
    assert value(metrics, "fareway_cost_saved_dollars_total", cause="prompt_cache") is None


@pytest.mark.parametrize(
    ("why", "kind"),
    [("p/a: status 503", "status 503"), ("status 429", "status 429"), ("p/a: not reached", "not reached")],
)
def test_attempts_that_failed_are_counted_by_kind(why, kind):
    metrics = Metrics()
    metrics.voided(entry(), why)
    assert value(metrics, "fareway_upstream_errors_total", provider="p", kind=kind) == 1


def test_what_was_never_sent_is_no_error_of_a_provider():
    metrics = Metrics()
    metrics.voided(entry(), NOT_SENT)
    assert families(metrics)["fareway_upstream_errors"].samples == []


@pytest.mark.parametrize(("outcome", "kind"), [(Outcome.FAILED, "lost"), (Outcome.CUT, "cut")])
def test_answers_that_did_not_come_whole_are_errors_of_the_provider(outcome, kind):
    metrics = Metrics()
    metrics.booked(entry(outcome=outcome))
    assert value(metrics, "fareway_upstream_errors_total", provider="p", kind=kind) == 1


def test_openmetrics_has_the_trace_of_a_call_in_its_bucket():
    metrics = Metrics()
    metrics.trace_of = {"r": "ab" * 16}.get
    metrics.booked(entry(duration_ms=60, first_token_ms=40))
    text = page(metrics, accept=OPENMETRICS)
    assert text.endswith("# EOF\n")
    line = next(x for x in text.splitlines() if x.startswith('fareway_request_duration_seconds_bucket{le="0.1"'))
    assert f'# {{trace_id="{"ab" * 16}"}} 0.06' in line
    assert "trace_id" not in page(metrics), "the older format has no place for it"
    for family in openmetrics(text):
        assert family.documentation


def test_figures_of_several_workers_are_summed_and_keep_one_trace():
    metrics = Metrics(), Metrics()
    metrics[1].trace_of = {"r": "cd" * 16}.get
    for one in metrics:
        one.booked(entry(duration_ms=60))
        one.gauges.add("fareway_breaker_open", "Open.", ("deployment",), lambda: {("p/m",): 1.0})
    seen = families(*metrics)
    assert [s.value for s in seen["fareway_breaker_open"].samples] == [1.0], "a flag is no amount"
    assert [s.value for s in seen["fareway_spend_dollars"].samples] == [0.5]
    assert "cd" * 16 in page(*metrics, accept=OPENMETRICS)


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
        assert value(metrics, f"{name}_sum", provider="p") == milliseconds / 1000
        assert value(metrics, f"{name}_count", provider="p") == 1


def test_a_call_without_a_first_token_is_not_one_that_came_at_once():
    metrics = Metrics()
    metrics.booked(entry(first_token_ms=None))
    assert value(metrics, "fareway_time_to_first_token_seconds_count", provider="p") is None


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
