"""How many machines the traffic is worth: what they carry, what is left over, and what that costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import ZERO, Money
from gateway.fleet.backend import Backend, State
from gateway.fleet.capacity import Engine, Traffic, advised, bill, carried
from gateway.fleet.demand import LATELY_S, Demand
from gateway.fleet.fleet import Fleet
from gateway.fleet.machine import Machine
from gateway.fleet.rate import constant
from gateway.fleet.scaling import scaling
from gateway.planning.gpus import Tier

DOLLAR = 10**12
ENGINE = Engine(pace=10_000, picos_per_hour=4 * DOLLAR, patience_s=0.3)
TOKEN = 0.6e6  # 0.60 dollars a million.

engines = st.builds(Engine, st.floats(10, 1e6), st.integers(0, 100 * DOLLAR), st.floats(0.01, 60))
traffics = st.builds(Traffic, st.floats(0, 1e6), st.floats(1, 1e5), st.none() | st.floats(0, 1e8))


@given(engines, traffics, st.integers(0, 50))
def test_more_machines_carry_more_but_never_more_than_they_compute(engine, traffic, count):
    takes, more = carried(count, engine, traffic.usual), carried(count + 1, engine, traffic.usual)
    assert 0 <= takes <= more
    assert takes <= count * engine.pace


@given(engines, st.floats(0, 1e5), st.floats(1, 1e4), st.floats(0, 1e8), st.integers(0, 20))
def test_with_the_number_desired_no_other_number_has_a_lower_bill(engine, asked, usual, per_token, other):
    traffic = Traffic(asked, usual, per_token)
    desired = advised(1, traffic, engine).desired
    assert bill(desired, traffic, engine) <= bill(other, traffic, engine) * (1 + 1e-9)


@given(engines, traffics, st.integers(1, 20))
def test_one_more_and_then_one_less_changes_nothing(engine, traffic, count):
    more, less = advised(count, traffic, engine).one_more, advised(count + 1, traffic, engine).one_less
    assert (more is None) == (less is None)
    if more is not None and less is not None:
        assert abs((more + less).picos) <= 1


def test_a_machine_that_saves_more_than_it_costs_is_desired():
    # One carries some 8,000 tokens a second; what two more would is 2.16 dollars an hour for each thousand.
    traffic = Traffic(20_000, 1_000, TOKEN)
    advice = advised(1, traffic, ENGINE)
    assert advice.desired == 3
    assert advice.one_more is not None
    assert advice.one_more < Money.usd("-10")
    assert advice.one_less is not None
    assert advice.one_less > Money.usd("10")


def test_where_an_api_is_cheaper_none_is_desired_and_one_less_saves_money():
    advice = advised(1, Traffic(5_000, 1_000, TOKEN / 10), ENGINE)
    assert advice.desired == 0
    assert advice.one_less is not None
    assert advice.one_less < ZERO


def test_with_nowhere_else_to_go_as_many_are_desired_as_carry_it_all():
    advice = advised(2, Traffic(20_000, 1_000, None), ENGINE)
    assert advice.desired == 3
    assert advice.one_more is None  # With two, work is left over, and nobody knows what that costs.
    assert advised(4, Traffic(20_000, 1_000, None), ENGINE).one_less == Money.usd("-4")


def test_nothing_can_be_taken_away_where_nothing_is():
    assert advised(0, Traffic(5_000, 1_000, TOKEN), ENGINE).one_less is None


def test_a_thousand_machines_are_enough_to_ask_for():
    assert advised(1, Traffic(1e9, 1_000, 1e12), ENGINE).desired == 1_000


def test_what_is_asked_steadily_is_asked_at_that_rate_from_the_beginning_on():
    demand = Demand()
    for second in range(1, 2 * int(LATELY_S)):
        demand.asked(500, float(second))
        demand.elsewhere.learn(500, Money.usd("0.0003"))
        demand.spilled(Money.usd("0.0001"), float(second))
        if second > 10:
            assert demand.traffic(second).tokens_per_s == pytest.approx(500, rel=0.15)
    assert demand.traffic(2 * LATELY_S).per_token == pytest.approx(TOKEN)
    assert demand.spilled_per_hour(2 * LATELY_S).picos == pytest.approx(0.36 * DOLLAR, rel=0.1)


def test_what_was_asked_long_ago_counts_no_more():
    demand = Demand()
    demand.asked(1_000_000, 0.0)
    assert demand.traffic(20 * LATELY_S).tokens_per_s < 0.001


def test_a_process_that_sees_a_fourth_speaks_for_all():
    alone, one_of_four = Demand(), Demand(share=0.25)
    for demand in (alone, one_of_four):
        demand.asked(1_000, 0.0)
    assert one_of_four.traffic(60.0).tokens_per_s == 4 * alone.traffic(60.0).tokens_per_s


def backend(number, state, machine=True):
    made = Machine("H100", 1, Tier.ON_DEMAND, constant(4 * DOLLAR)) if machine else None
    return Backend("local", f"10.0.0.{number}:8000", "http://x", machine=made, seen=state)


def test_a_fleet_tells_of_providers_whose_machines_have_a_price_and_were_asked():
    fleet = Fleet([backend(1, State.READY), backend(2, State.WARMING), backend(3, State.DOWN)])
    assert scaling(fleet, 0.0) == []
    demand = fleet.demands["local"]
    demand.asked(1_000, 0.0)
    demand.elsewhere.learn(1_000, Money.usd("0.0006"))
    demand.pace = 10_000.0
    (told,) = scaling(fleet, 1.0)
    assert (told.provider, told.replicas) == ("local", 2)
    assert told.carried_per_s > 2 * 8_000
    assert told.advice.one_more == Money.usd("4")


def test_without_a_price_nothing_is_told():
    fleet = Fleet([backend(1, State.READY, machine=False)])
    fleet.demands["local"].pace = 10_000.0
    assert scaling(fleet, 0.0) == []
