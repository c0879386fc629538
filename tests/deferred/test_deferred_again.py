"""What a failure means for a call that still has time."""

import pytest

from gateway.core.errors import BadRequest, LimitReached, NoPrice, Reason, Refusal, Unavailable
from gateway.deferred.again import FIRST_WAIT_S, WAIT_S_MAX, again_at
from gateway.journey.refused import ProviderRefused, WeAreRefused
from gateway.upstream.errors import Lost, Unreached


def limit(reason, resets_in_s=None):
    figures = ("$1", "$1", "$0", "$1")
    return LimitReached(Refusal("key:a", "usd", "month", *figures, None, reason, resets_in_s))


@pytest.mark.parametrize(
    "error",
    [Unavailable(""), Unreached(""), ProviderRefused(503, {}, b""), ProviderRefused(429, {}, b""), limit(Reason.HELD)],
)
def test_what_cost_nothing_and_may_be_over_soon_is_tried_again(error):
    assert again_at(error, 0, 100, 1000) == 100 + FIRST_WAIT_S
    assert again_at(error, 30, 100, 1000) == 100 + WAIT_S_MAX
    assert again_at(error, 30, 100, 100 + WAIT_S_MAX) is None


@pytest.mark.parametrize(
    "error",
    [BadRequest(""), NoPrice(""), Lost(""), WeAreRefused(), ProviderRefused(400, {}, b""), limit(Reason.TOO_BIG)],
)
def test_what_may_have_been_charged_or_will_not_change_is_final(error):
    assert again_at(error, 0, 100, 1000) is None


def test_a_window_that_turns_in_time_is_waited_for():
    assert again_at(limit(Reason.EXHAUSTED, 600), 0, 100, 1000) == 700
    assert again_at(limit(Reason.EXHAUSTED, 900), 0, 100, 1000) is None
    assert again_at(limit(Reason.EXHAUSTED), 0, 100, 1000) is None
