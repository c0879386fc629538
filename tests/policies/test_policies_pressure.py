"""The faster a budget burns, the more calls go to a cheaper tier."""

from collections import Counter

import pytest
from candidates import asked, decided, made, order
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.core.route import TIERS

LADDER = [made("top", tier="premium"), made("mid", tier="standard"), made("low", tier="economy")]


def shares(burn, **params):
    """How many of 2,000 calls go to each."""
    firsts = Counter(order("pressure", LADDER, asked(f"r{i}"), burn=burn, params=params)[0] for i in range(2000))
    return [round(firsts[name] / 2000, 1) for name in ("top", "mid", "low")]


@pytest.mark.parametrize(
    ("burn", "expected"),
    [
        (None, [1.0, 0.0, 0.0]),
        (0.0, [1.0, 0.0, 0.0]),
        (1.2, [1.0, 0.0, 0.0]),
        (1.5, [0.5, 0.5, 0.0]),
        (1.8, [0.0, 1.0, 0.0]),
        (2.0, [0.0, 1.0, 0.0]),
        (2.5, [0.0, 0.5, 0.5]),
        (3.0, [0.0, 0.0, 1.0]),
        (1000.0, [0.0, 0.0, 1.0]),
    ],
)
def test_the_share_that_is_moved_grows_with_the_pace(burn, expected):
    assert shares(burn) == expected


def test_where_it_begins_and_how_far_it_goes_are_parameters():
    assert shares(1.25, standard=1.0) == [0.5, 0.5, 0.0]
    assert shares(1000.0, least="standard") == [0.0, 1.0, 0.0]
    assert shares(1000.0, least="premium") == [1.0, 0.0, 0.0]
    assert shares(None, usual="standard") == [0.0, 1.0, 0.0]
    assert shares(2.5, usual="standard") == [0.0, 0.5, 0.5]


@given(paces=st.lists(st.floats(0, 20), min_size=2, max_size=2).map(sorted), name=st.text("abc123", min_size=1))
def test_at_a_higher_pace_no_call_gets_a_dearer_tier(paces, name):
    slow, fast = (decided("pressure", LADDER, asked(name), burn=pace).plan[0].tier for pace in paces)
    assert TIERS.index(slow) <= TIERS.index(fast)


def test_a_conversation_is_moved_as_one():
    plans = {order("pressure", LADDER, asked(f"r{i}", session="talk"), burn=1.5)[0] for i in range(50)}
    assert len(plans) == 1


def test_behind_the_first_stand_cheaper_tiers_and_then_dearer_ones():
    assert order("pressure", LADDER, burn=1.8) == ["mid", "low", "top"]
    assert order("pressure", LADDER, burn=1.8, params={"least": "standard"}) == ["mid", "top"]
    field = [*LADDER, made("mid too", tier="standard", cost_likely=Money(0))]
    assert order("pressure", field, burn=1.8) == ["mid too", "mid", "low", "top"]


def test_never_below_the_least_unless_nothing_else_was_asked_for():
    with pytest.raises(Unavailable):
        order("pressure", [made("mid", tier="standard", working=False), LADDER[2]], params={"least": "standard"})
    assert order("pressure", [LADDER[2]], params={"least": "premium"}) == ["low"]


def test_the_pace_is_in_the_reason():
    assert decided("pressure", LADDER, burn=1.8).reason == (
        "standard, as the budget burns at 1.80 times the pace that it lasts at: mid"
    )
    assert decided("pressure", LADDER).reason == "premium, as no budget with a window stands above the caller: top"
    assert decided("pressure", LADDER[1:]).reason.startswith("standard for want of premium, as no budget")
