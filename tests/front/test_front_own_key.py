"""What the holder of a key is told of its limits."""

from gateway.core.limit import Limit, Span, Unit
from gateway.front.own_key import state
from gateway.limits.rolling import RollingAccount

HOUR = 3600


def test_a_rolling_window_says_when_the_oldest_of_what_is_spent_leaves():
    limit = Limit("team:t", Unit.REQUESTS, 3, Span.ROLLING, rolling_s=HOUR)
    account = RollingAccount("team:t", limit, lambda: 1_800_000_030.0)
    assert state(account).resets_at is None
    account.hold(1)
    account.settle(1, 1)
    assert state(account).resets_at == "2027-01-15T09:01:00+00:00"  # An hour and a bucket after 08:00.
    assert (state(account).spent, state(account).left) == ("1", "2")
