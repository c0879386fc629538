"""Warm beginnings against waiting, over engines of one's own."""

import pytest
from candidates import asked, decided, made, order

from gateway.core.money import Money


def engine(name, *, wait=0.0, read=1000.0, **more):
    return made(name, selfhosted=True, wait_ms=wait, prefill_ms=read, **more)


@pytest.mark.parametrize(
    ("wait", "goes"),
    [(0, "warm"), (1800, "warm"), (2500, "warm"), (2900, "cold")],  # 900 ms less to read are worth 2,700 of waiting.
)
def test_a_warm_prompt_waits_for_as_long_as_reading_it_anew_would_harm(wait, goes):
    assert order("affinity", [engine("warm", wait=wait, read=100.0), engine("cold")])[0] == goes


def test_how_much_reading_harms_may_be_set():
    field = [engine("warm", wait=1000.0, read=100.0), engine("cold")]
    assert order("affinity", field)[0] == "warm"
    assert order("affinity", field, params={"reading": 1.0})[0] == "cold"


def test_where_it_is_the_same_the_longer_beginning_and_then_the_less_busy_goes_first():
    """Within what estimates are good for."""
    warm = engine("warm", read=1010.0, warm_tokens=4000, tokens_lately=9)
    assert order("affinity", [engine("a", tokens_lately=5), engine("b", tokens_lately=2), warm]) == ["warm", "b", "a"]
    assert order("affinity", [engine("a"), engine("late", read=1200.0, warm_tokens=4000)]) == ["a", "late"]


def test_a_shared_beginning_does_not_draw_everything_to_one_engine():
    """All have it: then the shorter queue decides."""
    field = [engine("a", wait=300.0, read=50.0, warm_tokens=9000), engine("b", read=50.0, warm_tokens=9000)]
    assert order("affinity", field)[0] == "b"


def test_calls_under_way_count_also_where_nothing_waits():
    """Or all that begin alike would be answered by one engine, while the others stand idle."""
    idle = engine("idle", read=700.0)
    assert order("affinity", [engine("warm", read=100.0, in_flight=30), idle])[0] == "warm"
    assert order("affinity", [engine("warm", read=100.0, in_flight=40), idle])[0] == "idle"
    assert order("affinity", [engine("warm", read=100.0, in_flight=30), idle], params={"running": 100.0})[0] == "idle"


def test_others_stand_behind_own_engines_by_cost_unless_all_are_crowded():
    api, dear = made("api", cost_likely=Money(5)), made("dear", cost_likely=Money(50))
    assert order("affinity", [dear, api, engine("own", wait=4000.0)]) == ["own", "api", "dear"]
    assert order("affinity", [dear, api, engine("own", wait=6000.0)]) == ["api", "dear", "own"]
    assert order("affinity", [api, engine("own", wait=4000.0)], params={"patience": 2000.0}) == ["api", "own"]
    assert order("affinity", [dear, api]) == ["api", "dear"]


def test_what_differs_in_nothing_is_drawn_by_conversation():
    field = [engine(name) for name in "abcd"]
    talks = [order("affinity", field, asked(session=str(i)))[0] for i in range(100)]
    assert set(talks) == set("abcd")
    assert talks == [order("affinity", field[::-1], asked("x", session=str(i)))[0] for i in range(100)]


def test_its_reason_says_what_is_waited_for_and_read():
    said = decided("affinity", [engine("own", wait=120.0, read=45.0)]).reason
    assert said == "affinity of 1: own after 120 ms of waiting and 45 ms of reading"
    assert decided("affinity", [made("api", cost_likely=None)]).reason == "affinity of 1: api at about an unknown price"
