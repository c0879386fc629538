"""The policy that weighs the chance of a good answer against its price."""

import pytest
from candidates import decided, made, order

from gateway.core.money import Money
from policies.params import usd

CENT = 10**10


def able(name, success, cents):
    return made(name, success=success, cost_likely=None if cents is None else Money(int(cents * CENT)))


def test_a_dearer_model_is_asked_where_the_gain_is_worth_its_price():
    """A good answer is worth one cent: 0.3 more of it pays 0.2 cents, and does not pay 0.4."""
    small = able("small", 0.6, 0.01)
    assert order("difficulty", [small, able("large", 0.9, 0.2)]) == ["large", "small"]
    assert order("difficulty", [small, able("large", 0.9, 0.4)]) == ["small", "large"]
    assert order("difficulty", [small, able("large", 0.9, 0.4)], params={"worth": 0.02}) == ["large", "small"]


def test_who_nobody_knows_stands_behind_all_others_by_price():
    field = [able("dear", None, 2), able("cheap", None, 1), able("bad", 0.01, 9), able("unpriced", 0.9, None)]
    assert order("difficulty", field) == ["bad", "unpriced", "cheap", "dear"]


def test_the_reason_tells_chance_price_and_worth():
    assert decided("difficulty", [able("small", 0.6, 0.1), able("large", 0.9, 5)]).reason == (
        "worth most of 2 where a good answer is worth $0.01: small, good with 60% at about $0.001"
    )
    assert decided("difficulty", [able("b", None, 2), able("a", None, 1)]).reason == (
        "no answer's chance is known; the cheapest: a at $0.01"
    )


@pytest.mark.parametrize(("said", "read"), [("0.01 usd", 0.01), ("$2", 2.0), ("$ 0.5", 0.5), ("3usd", 3.0)])
def test_a_worth_is_an_amount_of_dollars(said, read):
    assert usd(said) == read


@pytest.mark.parametrize("said", ["0.01", 0.01, "$1 usd", "-1 usd", "1 eur", None, "usd", "$"])
def test_what_is_no_amount_of_dollars_is_answered_with_one(said):
    with pytest.raises(ValueError, match=r"^must be an amount of dollars, such as 0\.01 usd$"):
        usd(said)
