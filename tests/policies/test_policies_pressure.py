"""The faster a budget burns, the more calls go to a cheaper tier."""

import random
from collections import Counter

import pytest
from candidates import asked, decided, made, order
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.core.route import TIERS
from gateway.limits.burn import Spending

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
        (1.35, [0.5, 0.5, 0.0]),
        (1.5, [0.0, 1.0, 0.0]),
        (1.6875, [0.0, 0.5, 0.5]),
        (1.875, [0.0, 0.0, 1.0]),
        (1000.0, [0.0, 0.0, 1.0]),
    ],
)
def test_the_share_that_is_moved_grows_with_the_pace(burn, expected):
    assert shares(burn) == expected


def test_where_it_begins_and_how_far_it_goes_are_parameters():
    assert shares(1.125, standard=1.0) == [0.5, 0.5, 0.0]
    assert shares(1000.0, least="standard") == [0.0, 1.0, 0.0]
    assert shares(1000.0, least="premium") == [1.0, 0.0, 0.0]
    assert shares(None, usual="standard") == [0.0, 1.0, 0.0]
    assert shares(1.6875, usual="standard") == [0.0, 0.5, 0.5]


@given(paces=st.lists(st.floats(0, 20), min_size=2, max_size=2).map(sorted), name=st.text("abc123", min_size=1))
def test_at_a_higher_pace_no_call_gets_a_dearer_tier(paces, name):
    slow, fast = (decided("pressure", LADDER, asked(name), burn=pace).plan[0].tier for pace in paces)
    assert TIERS.index(slow) <= TIERS.index(fast)


def test_a_conversation_is_moved_as_one():
    plans = {order("pressure", LADDER, asked(f"r{i}", session="talk"), burn=1.35)[0] for i in range(50)}
    assert len(plans) == 1


def test_behind_the_first_stand_cheaper_tiers_and_then_dearer_ones():
    assert order("pressure", LADDER, burn=1.5) == ["mid", "low", "top"]
    assert order("pressure", LADDER, burn=1.5, params={"least": "standard"}) == ["mid", "top"]
    field = [*LADDER, made("mid too", tier="standard", cost_likely=Money(0))]
    assert order("pressure", field, burn=1.5) == ["mid too", "mid", "low", "top"]


def test_never_below_the_least_unless_nothing_else_was_asked_for():
    with pytest.raises(Unavailable):
        order("pressure", [made("mid", tier="standard", working=False), LADDER[2]], params={"least": "standard"})
    assert order("pressure", [LADDER[2]], params={"least": "premium"}) == ["low"]


def test_the_pace_is_in_the_reason():
    assert decided("pressure", LADDER, burn=1.5).reason == (
        "standard, as the budget burns at 1.50 times the pace that it lasts at: mid"
    )
    assert decided("pressure", LADDER).reason == "premium, as no budget with a window stands above the caller: top"
    assert decided("pressure", LADDER[1:]).reason.startswith("standard for want of premium, as no budget")


@pytest.mark.parametrize(("demand", "refused_max"), [(1.2, 0.01), (3, 0.01), (6, 0.02)])
def test_a_budget_lasts_to_the_end_of_its_day(demand, refused_max):
    """2,500 calls at random moments, which would cost so many times the budget at the usual tier: what is spent would
    be gone after a sixth of the day. The tiers cost 100, 20 and 4."""
    day, chance = 86400.0, random.Random(7)
    field = [made(tier, tier=tier, cost_likely=Money(c)) for tier, c in zip(TIERS, (100, 20, 4), strict=True)]
    amount, spent, refused = round(2500 * 100 / demand), 0, 0
    spending = Spending.seen(0, 0.0, amount, day, at=0.0, ever=0)
    for number, at in enumerate(sorted(chance.uniform(0, day) for _ in range(2500))):
        spending.look(spent, at)
        burn = spending.burn(amount - spent, day - at)
        price = decided("pressure", field, asked(f"r{number}"), burn=burn).plan[0].cost_likely.picos
        if spent + price > amount:
            refused += 1
        else:
            spent += price
    assert refused <= refused_max * 2500
    assert spent > 0.97 * amount
