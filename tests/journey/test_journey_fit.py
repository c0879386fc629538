"""How much output fits: as much as there is room for, and nothing where the shortest answer does not."""

from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.limit import Fare
from gateway.journey.fit import REASONED_TOKENS_MIN, output_that_fits


class Candidate(msgspec.Struct):
    cost_worst: int | None = 7


class Option(msgspec.Struct):
    price: int  # Of a token.
    output_max: int = 4000
    may_reason_unseen: bool = False
    candidate: Candidate = msgspec.field(default_factory=Candidate)


def question(choices=1, reasons=False, first=10**9, body=b"{}", dialect="anthropic-messages"):
    def worst(option):
        assert option.candidate.cost_worst is None, "the worst of another cap"
        return Fare(nanos=100 + option.price * min(first, option.output_max), output_tokens=0), None

    facts = SimpleNamespace(choices=choices, reasons=reasons)
    return SimpleNamespace(
        dialect=SimpleNamespace(name=dialect),
        asked=SimpleNamespace(body=body),
        request=SimpleNamespace(facts=facts),
        worst=worst,
    )


def within(nanos):
    return lambda fare: fare.nanos <= nanos


@given(st.integers(0, 50_000), st.integers(1, 9), st.integers(1, 4))
def test_it_is_the_most_that_fits(left, price, choices):
    cap = output_that_fits(question(choices), [Option(price)], within(left))
    true = min(4000 // choices, (left - 100) // price // choices)
    assert cap == (true if true >= 16 else None)


def test_the_cheapest_option_counts():
    assert output_that_fits(question(), [Option(9), Option(2), Option(5)], within(300)) == 100
    assert output_that_fits(question(), [], within(300)) is None


def test_a_cap_that_the_caller_set_lower_is_no_reason_to_refuse_less():
    assert output_that_fits(question(), [Option(1, output_max=10)], within(10**6)) is None


@pytest.mark.parametrize("reasons", [True, False])
def test_thoughts_that_nobody_sees_need_room(reasons):
    for option in (Option(1, may_reason_unseen=not reasons), Option(1, may_reason_unseen=True)):
        asked = question(reasons=reasons)
        assert output_that_fits(asked, [option], within(99 + REASONED_TOKENS_MIN)) is None
        assert output_that_fits(asked, [option], within(100 + REASONED_TOKENS_MIN)) == REASONED_TOKENS_MIN


def test_a_budget_for_thoughts_says_how_much_room():
    asked = question(reasons=True, body=b'{"thinking":{"type":"enabled","budget_tokens":100}}')
    assert output_that_fits(asked, [Option(1)], within(215)) is None
    assert output_that_fits(asked, [Option(1)], within(216)) == 116
