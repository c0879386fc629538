"""A conversation stays until leaving pays, by this turn and those to come."""

from collections import Counter

import pytest
from candidates import asked, decided, made, order
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import Money


def place(name, now, later=None, **more):
    return made(
        name,
        cost_likely=None if now is None else Money(now),
        cost_warm=None if later is None else Money(later),
        **more,
    )


def first(here, there, *, turns=4.0, margin=0.1, **more):
    """Where a conversation at `here` goes."""
    return order("sticky", [here, there], params={"turns": turns, "margin": margin}, stays=here.name, **more)[0]


@pytest.mark.parametrize(
    ("there", "goes"),
    [
        ((1000, 100), "here"),  # The same prices: it would read the prompt anew for nothing.
        ((500, 50), "here"),  # Half of the price: 100 + 4 × 100 = 500 here, 500 + 4 × 50 = 700 there.
        ((250, 50), "here"),  # 450 there: 10 % less, and no more.
        ((249, 50), "there"),
        ((90, 100), "here"),  # Cheaper now, and not by enough.
    ],
)
def test_it_leaves_only_where_the_turns_to_come_pay_for_the_lost_cache(there, goes):
    assert first(place("here", 100, 100), place("there", *there)) == goes


def test_the_more_turns_are_to_come_the_sooner_leaving_pays():
    here, there = place("here", 100, 100), place("there", 500, 50)
    assert first(here, there, turns=10.0) == "here"
    assert first(here, there, turns=11.0) == "there"


@pytest.mark.parametrize(("messages", "goes"), [(1, "here"), (9, "here"), (21, "here"), (22, "there"), (400, "there")])
def test_as_many_turns_are_expected_as_there_have_been_within_bounds(messages, goes):
    field = [place("here", 100, 100), place("there", 500, 50)]
    assert order("sticky", field, asked(turns=messages), stays="here")[0] == goes
    longer = [place("here", 100, 100), place("there", 900, 50)]  # Would pay after 21 turns.
    assert order("sticky", longer, asked(turns=messages), stays="here")[0] == "here"


def test_without_figures_of_warm_prompts_it_leaves_for_what_is_cheaper_at_once():
    assert first(place("here", 100), place("there", 91)) == "here"
    assert first(place("here", 100), place("there", 89)) == "there"


def test_an_unknown_price_attracts_nobody_and_drives_nobody_away():
    assert first(place("here", 100), place("there", None)) == "here"
    assert first(place("here", None), place("there", 1)) == "here"
    assert order("sticky", [place("unknown", None), place("dear", 100)], stays="gone") == ["dear", "unknown"]


def test_it_leaves_what_does_not_work_or_cannot_be_paid_for():
    there = place("there", 900)
    assert first(place("here", 1, working=False), there) == "there"
    assert first(place("here", 1, cost_worst=Money(10)), there, remaining=Money(9)) == "there"


def test_new_conversations_are_spread_over_those_that_cost_about_the_same_and_stay_there():
    field = [place("a", 100), place("b", 105), place("c", 110), place("dear", 150)]
    talks = {f"talk {i}": order("sticky", field, asked(session=f"talk {i}")) for i in range(300)}
    counted = Counter(plan[0] for plan in talks.values())
    assert set(counted) == {"a", "b", "c"}
    assert min(counted.values()) > 60
    assert all(plan[-1] == "dear" for plan in talks.values())
    for talk, (home, *others) in talks.items():
        assert order("sticky", field[::-1], asked("another", session=talk))[0] == home
        assert order("sticky", [c for c in field if c.name != home], asked(session=talk)) == others


def test_every_decision_says_what_it_compared():
    here, there, dear = place("p/here", 100, 100), place("p/there", 249, 50), place("p/dear", 900, 900)
    context = {"params": {"turns": 4.0}, "stays": "p/here"}
    assert decided("sticky", [here, dear], **context).reason == (
        "stays at p/here: about $0.0000000005 over 5 turns, elsewhere $0.0000000045 or more"
    )
    assert decided("sticky", [here, there], **context).reason == (
        "leaves p/here for p/there: about $0.000000000449 over 5 turns, and not $0.0000000005"
    )
    assert decided("sticky", [here], **context).reason == "stays at p/here: about $0.0000000005 over 5 turns"
    assert decided("sticky", [dear], **context).reason == (
        "p/here cannot take it any more: p/dear, about $0.0000000045 over 5 turns"
    )
    assert decided("sticky", [place("p/new", None)]).reason == "begins at p/new: about an unknown price over 5 turns"


amounts = st.tuples(st.integers(1, 10**6), st.integers(1, 10**6))


@given(here=amounts, there=amounts, turns=st.integers(0, 50), margin=st.floats(0, 0.9))
def test_who_has_left_does_not_come_straight_back(here, there, turns, margin):
    """Once it has moved, the new place is warm and the old one still as it was."""
    cold, warm = max(there), min(there)
    said = {"turns": turns, "margin": margin}
    if first(place("here", *here), place("there", cold, warm), **said) == "there":
        assert first(place("there", warm, warm), place("here", *here), **said) == "there"
