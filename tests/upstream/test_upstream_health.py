"""The breaker: failures in a row keep calls away for a while, then one may try."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.health import Health, Vitals


def broken(now=0.0, failures_max=3, open_s=10.0):
    vitals = Vitals()
    for _ in range(failures_max):
        vitals.failed(now, failures_max=failures_max, open_s=open_s)
    return vitals


def test_so_many_failures_in_a_row_open_it_and_one_less_does_not():
    vitals = broken()
    assert not vitals.working(0.0)
    assert not vitals.working(9.99)
    assert vitals.working(10.0)
    almost = Vitals()
    for _ in range(2):
        almost.failed(0.0, failures_max=3, open_s=10.0)
    assert almost.working(0.0)
    almost.succeeded()
    for _ in range(2):
        almost.failed(0.0, failures_max=3, open_s=10.0)
    assert almost.working(0.0)


def test_after_a_while_one_call_may_try_and_no_second():
    vitals = broken()
    vitals.begin(10.0)
    assert not vitals.working(10.0)
    vitals.leave()
    assert vitals.working(10.0)


def test_a_try_that_succeeds_closes_it():
    vitals = broken()
    vitals.begin(10.0)
    vitals.succeeded()
    vitals.leave()
    vitals.begin(10.0)
    assert vitals.working(10.0)
    assert vitals.failures == 0


def test_a_try_that_fails_opens_it_again_for_as_long():
    vitals = broken()
    vitals.begin(10.0)
    vitals.failed(10.0, failures_max=3, open_s=10.0)
    vitals.leave()
    assert not vitals.working(19.9)
    assert vitals.working(20.0)


@given(st.lists(st.booleans(), max_size=60))
def test_the_error_rate_is_a_share_that_rises_with_failures_and_falls_with_successes(calls):
    vitals = Vitals()
    for failed in calls:
        before = vitals.error_rate
        if failed:
            vitals.failed(0.0, failures_max=3, open_s=1.0)
            assert before < vitals.error_rate <= 1
        else:
            vitals.succeeded()
            assert vitals.error_rate <= before
        assert 0 <= vitals.error_rate <= 1


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=50))
def test_averages_begin_with_the_first_value_and_stay_between_the_least_and_the_most(values):
    vitals = Vitals()
    for value in values:
        vitals.saw_first_token(value)
        vitals.saw_output(round(value))
    assert min(values) - 1e-6 <= vitals.first_token_ms <= max(values) + 1e-6
    one = Vitals()
    one.saw_first_token(5.0)
    assert one.first_token_ms == 5.0


def test_calls_in_flight_are_counted():
    vitals = Vitals()
    vitals.begin(0.0)
    vitals.begin(0.0)
    vitals.leave()
    assert vitals.in_flight == 1


def test_every_deployment_has_vitals_of_its_own_under_the_configured_breaker():
    health = Health(failures_max=2, open_s=5.0)
    assert health.of("a") is health.of("a")
    for _ in range(2):
        health.failed("a", 0.0)
    assert health.of("b").working(0.0)
    assert health.states(0.0) == {"a": 1, "b": 0}
    assert health.states(5.0) == {"a": 0, "b": 0}


def test_a_call_that_left_before_it_broke_does_not_let_a_second_one_try():
    """Half open means that one may try: an older call coming to its end is not that one."""
    vitals = Vitals()
    vitals.begin(0.0)
    for _ in range(3):
        vitals.failed(0.0, failures_max=3, open_s=10.0)
    vitals.begin(10.0)
    assert not vitals.working(10.0)
    vitals.leave()  # The old one, while the try is still under way.
    assert not vitals.working(10.0)
