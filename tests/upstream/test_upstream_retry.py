"""What a failed attempt means: the next candidate, a wait, or the caller's own matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.retry import (
    FIRST_WAIT_S,
    REFUSED_US,
    WAIT_S_MAX,
    RetryBudget,
    retry_after_s,
    says_next,
    says_unwell,
    wait_s,
)


@pytest.mark.parametrize(
    ("status", "says"), [(s, True) for s in (401, 402, 408, 409, 425, 429, 500, 502, 503, 504, 529)] + [(403, False)]
)
def test_another_deployment_may_do_better(status, says):
    assert says_next(status) is says


def test_only_statuses_about_our_own_key_or_account_are_ours():
    """A 403 can be a refusal of the prompt: another deployment must not be asked what this one would not answer."""
    assert {401, 402} == REFUSED_US


@pytest.mark.parametrize(
    ("status", "unwell"),
    [(s, True) for s in (401, 402, 500, 501, 502, 503, 504, 520, 529, 599)]
    + [(s, False) for s in (200, 301, 400, 403, 404, 408, 409, 413, 422, 425, 429, 451, 499)],
)
def test_a_status_that_the_next_caller_would_meet_too_says_that_a_deployment_is_unwell(status, unwell):
    """What one caller's request or rate has caused must not open the breaker for all others."""
    assert says_unwell(status) is unwell


@pytest.mark.parametrize("status", [200, 201, 301, 400, 403, 404, 405, 413, 415, 422, 451, 501])
def test_what_is_about_the_request_itself_is_told_and_not_repeated(status):
    assert not says_next(status)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "-5"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "Thu, 99 Jan 1970 00:00:10 GMT"}, None),
        ({"retry-after-ms": "x"}, None),
        ({"retry-after-ms": ""}, None),
    ],
)
def test_a_providers_wish_is_read_in_all_its_forms(headers, seconds):
    assert retry_after_s(headers, 60.0) == seconds


@given(st.text(max_size=30), st.sampled_from(["retry-after", "retry-after-ms"]))
def test_no_value_whatsoever_raises_or_asks_for_the_past(value, name):
    seconds = retry_after_s({name: value}, 60.0)
    assert seconds is None or seconds >= 0


def test_waits_double_and_follow_the_provider_within_bounds():
    assert [wait_s(n, None) for n in (1, 2, 3)] == [FIRST_WAIT_S, FIRST_WAIT_S * 2, FIRST_WAIT_S * 4]
    assert wait_s(1, 3.0) == 3.0
    assert wait_s(3, 0.1) == FIRST_WAIT_S * 4
    assert wait_s(1, WAIT_S_MAX) == WAIT_S_MAX
    assert wait_s(1, WAIT_S_MAX + 0.1) is None
    assert wait_s(9, None) is None
    assert wait_s(1, float("inf")) is None


@given(st.integers(0, 500), st.integers(1, 20), st.sampled_from([0.0, 0.1, 0.2, 1.0]))
def test_repeats_are_at_most_a_share_of_calls_beyond_a_burst(calls, burst, share):
    """Every call fails and wants a repeat: no more pass than the burst and the share allow."""
    budget, taken = RetryBudget(share, burst), 0
    for _ in range(calls):
        budget.called()
        taken += budget.take()
    assert taken <= burst + share * calls
    assert taken >= min(calls, burst)


def test_calls_fill_the_budget_up_to_the_burst_and_no_further():
    budget = RetryBudget(1.0, burst=2)
    for _ in range(100):
        budget.called()
    assert [budget.take() for _ in range(3)] == [True, True, False]
    budget.called()
    assert budget.take()
