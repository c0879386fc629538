"""By how soon they begin to answer: the fastest, and the cheapest that is fast enough."""

from collections import Counter

import pytest
from candidates import asked, decided, made, order

from gateway.core.money import Money

ALL_OF_IT = {"explore": 1.0}
NEVER = {"explore": 0.0}


def test_the_fastest_goes_first_after_those_never_tried():
    field = [made("slow", first_token_ms=90.0), made("quick", first_token_ms=10.0), made("new")]
    assert order("fastest", field, params=NEVER) == ["new", "quick", "slow"]
    assert "not tried yet" in decided("fastest", field).reason
    assert "10 ms" in decided("fastest", field[:2]).reason


def test_among_equally_fast_the_one_with_fewer_calls_goes_first():
    assert order("fastest", [made("busy", in_flight=3), made("idle", in_flight=1)]) == ["idle", "busy"]


def test_one_that_was_never_tried_is_tried_by_one_call_at_a_time():
    field = [made("new", in_flight=1), made("known", first_token_ms=900.0), made("failed", error_rate=0.1)]
    assert order("fastest", field, params=NEVER) == ["known", "failed", "new"]


def test_a_small_share_of_calls_tries_another_than_the_fastest():
    """Else one slow answer would keep it away for ever. A conversation tries the same all the time."""
    field = [made("quick", first_token_ms=10.0), made("slow", first_token_ms=90.0), made("slower", first_token_ms=99.0)]
    firsts = Counter(order("fastest", field, asked(f"r{i}"))[0] for i in range(10_000))
    assert 120 < firsts["slow"] + firsts["slower"] < 280
    assert min(firsts["slow"], firsts["slower"]) > 50
    decision = decided("fastest", field, params=ALL_OF_IT)
    assert "to see whether it has become faster" in decision.reason
    assert [c.name for c in decision.plan[1:]] == [n for n in ("quick", "slow", "slower") if n != decision.plan[0].name]
    talks = {order("fastest", field, asked(f"r{i}", session="talk"), params={"explore": 0.5})[0] for i in range(50)}
    assert len(talks) == 1


def timed(name, p95, picos):
    return made(name, first_token_p95_ms=p95, cost_likely=Money(picos))


FIELD = [timed("cheap and slow", 3000.0, 1), timed("fast", 400.0, 5), timed("fastest", 100.0, 9), timed("new", None, 2)]


def test_the_cheapest_that_is_in_time_goes_first_then_the_unknown_then_the_slow():
    assert order("sla", FIELD, params=NEVER) == ["fast", "fastest", "new", "cheap and slow"]
    assert order("sla", FIELD, params=NEVER | {"first_token": 399.0}) == ["fastest", "new", "fast", "cheap and slow"]
    assert decided("sla", FIELD, params=NEVER | {"first_token": 800.0}).reason == (
        "cheapest of 2 that answer within 800 ms: fast (p95 400 ms)"
    )


def test_at_the_target_is_in_time():
    assert order("sla", FIELD, params=NEVER | {"first_token": 400.0})[0] == "fast"


def test_where_none_is_in_time_the_fastest_goes_first_and_it_is_said():
    decision = decided("sla", FIELD, params=NEVER | {"first_token": 50.0})
    assert [c.name for c in decision.plan] == ["fastest", "fast", "cheap and slow", "new"]
    assert decision.reason == "none answers within 50 ms; the fastest: fastest (p95 100 ms)"


def test_where_nothing_is_known_the_cheapest_goes_first_and_it_is_said():
    decision = decided("sla", [timed("b", None, 2), timed("a", None, 1)], params=NEVER)
    assert [c.name for c in decision.plan] == ["a", "b"]
    assert decision.reason == "nothing is known yet of who answers within 1000 ms; the cheapest: a"


@pytest.mark.parametrize(
    ("target", "tried"),
    [
        (800.0, {"cheap and slow", "new"}),  # Which would be cheaper than the first, "fast".
        (50.0, {"fast", "cheap and slow", "new"}),  # Any may be in time by now.
    ],
)
def test_a_small_share_tries_those_that_it_would_rather_have(target, tried):
    plans = [decided("sla", FIELD, asked(f"r{i}"), params=ALL_OF_IT | {"first_token": target}) for i in range(200)]
    assert {decision.plan[0].name for decision in plans} == tried
    assert all(decision.reason.startswith("tried, to see whether it answers within") for decision in plans)
    assert all(len(decision.plan) == 4 for decision in plans)
    usual = Counter(order("sla", FIELD, asked(f"r{i}"), params={"first_token": target})[0] for i in range(10_000))
    assert 120 < sum(usual[name] for name in tried) < 280


def test_nothing_dearer_is_tried_while_somebody_is_in_time():
    field = [timed("fast", 400.0, 5), timed("dear", None, 9)]
    assert order("sla", field, params=ALL_OF_IT) == ["fast", "dear"]
