"""Parameters are read at the start: what is wrong with one is said then, with an example that is right."""

import re

import pytest

from gateway.plugins import load_policy
from policies.params import milliseconds, number, share, tier, whole, word


@pytest.mark.parametrize(
    ("reader", "said", "read"),
    [
        (number(0, 5), 2, 2.0),
        (number(0, 5), "2.5", 2.5),
        (number(0, 5), 0, 0.0),
        (number(0, 5), 5, 5.0),
        (whole(0, 9), 9, 9),
        (whole(0, 9), "3", 3),
        (whole(0, 9), 3.0, 3),
        (share, "5%", 0.05),
        (share, "0 %", 0.0),
        (share, "100%", 1.0),
        (share, "12.5%", 0.125),
        (milliseconds, "800ms", 800.0),
        (milliseconds, "1.5s", 1500.0),
        (milliseconds, "1 m", 60_000.0),
        (tier, "economy", "economy"),
        (word("a", "b"), "b", "b"),
    ],
)
def test_a_value_is_read(reader, said, read):
    assert reader(said) == read
    assert type(reader(said)) is type(read)


@pytest.mark.parametrize(
    ("reader", "said", "message"),
    [
        *((number(0, 5), wrong, "must be a number from 0 to 5, such as 1") for wrong in (-1, 6, "x", None, True, [1])),
        *((number(0, 5), wrong, "must be a number from 0 to 5, such as 1") for wrong in (float("nan"), "inf", 10**400)),
        (number(0.5, 0.7), 1, "must be a number from 0.5 to 0.7, such as 0.6"),
        *((whole(0, 9), wrong, "must be a whole number from 0 to 9, such as 1") for wrong in (10, 2.5, "x", False)),
        *((share, wrong, "must be a percentage, such as 5%") for wrong in (0.05, 5, "5", "101%", "-1%", None)),
        *(
            (milliseconds, w, "must be a duration with its unit, such as 800ms or 2s")
            for w in (800, "800", "0ms", "1h")
        ),
        (tier, "cheap", "must be one of premium, standard, economy"),
        (word("a", "b"), ["a"], "must be one of a, b"),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_can(reader, said, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        reader(said)


def test_a_policy_may_say_how_its_parameters_are_read():
    assert set(load_policy("policies.tiered").params) == {"standard", "premium"}
    assert load_policy("policies.cheapest").params == {}
