"""What one more call adds to the bill: nothing but energy with room, more the more stand before it, never less."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import ZERO, Money
from gateway.fleet.marginal import (
    TOKENS_GUESS,
    Crowd,
    Elsewhere,
    energy_per_token,
    marginal,
    own_per_token,
    queueing,
)

calls = st.integers(0, 10_000)
tokens = st.integers(0, 2_000_000)
shares = st.one_of(st.none(), st.floats(0, 1))
seconds = st.floats(0, 3600)
paces = st.floats(1, 1e6)
crowds = st.builds(Crowd, paces, seconds, calls, calls, shares)


def cost(crowd, size, per_token=1e6, energy=0.0):
    return marginal(size, per_token, crowd.wait_s(TOKENS_GUESS), 0.3, energy)


@given(crowds, crowds, tokens)
def test_whatever_there_is_more_of_it_costs_no_less(crowd, added, size):
    more = Crowd(
        crowd.pace,
        crowd.unread_s + added.unread_s,
        crowd.running + added.running,
        crowd.waiting + added.waiting,
        max(crowd.cache_used or 0.0, added.cache_used or 0.0),
    )
    assert cost(crowd, size) <= cost(more, size) <= cost(more, size + 1)


@given(paces, tokens, st.floats(0, 1e6))
def test_with_nothing_before_it_a_call_costs_its_energy(pace, size, energy):
    empty = Crowd(pace)
    assert cost(empty, size) == ZERO
    assert cost(empty, size, energy=energy).picos - size * energy == pytest.approx(0.5, abs=0.5 + size * energy * 1e-9)


def test_at_the_end_of_patience_a_usual_call_costs_what_it_would_elsewhere():
    elsewhere = Elsewhere()
    for _ in range(500):
        elsewhere.learn(1_000, Money.usd("0.0006"))
    assert elsewhere.per_token is not None
    assert marginal(1_000, elsewhere.per_token, 0.3, 0.3).picos == pytest.approx(Money.usd("0.0006").picos, rel=1e-9)
    assert elsewhere.usual == pytest.approx(1_000)


def test_nobody_knows_what_a_token_costs_elsewhere_before_a_call_could_have_gone_there():
    assert Elsewhere().per_token is None


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(0, 10**15)), min_size=1, max_size=50))
def test_what_a_token_costs_elsewhere_lies_between_the_dearest_and_the_cheapest(seen):
    elsewhere, prices = Elsewhere(), [picos / size for size, picos in seen]
    for size, picos in seen:
        elsewhere.learn(size, Money(picos))
    assert elsewhere.per_token is not None
    assert min(prices) * (1 - 1e-9) <= elsewhere.per_token <= max(prices) * (1 + 1e-9)


def test_who_waits_at_the_engine_counts_where_we_gave_it_less():
    ours, theirs = Crowd(10_000, unread_s=0.5), Crowd(10_000, unread_s=0.5, waiting=9)
    assert ours.wait_s(1_000) == 0.5
    assert theirs.wait_s(1_000) == pytest.approx(0.9)  # Nine calls of a thousand tokens, at ten thousand a second.


def test_a_cache_with_room_costs_nothing_and_a_full_one_much_but_not_all():
    waits = [Crowd(10_000, cache_used=used).wait_s(1_000) for used in (0.0, 0.5, 0.8, 0.9, 0.99, 1.0)]
    assert [round(wait, 2) for wait in waits] == [0.0, 0.0, 0.05, 0.33, 9.01, 9.01]
    assert queueing(0.0, 64) == 0.0
    assert queueing(0.99, 64) < inf


def test_a_machine_that_is_never_idle_sells_its_tokens_at_its_price():
    assert own_per_token(3_600 * 10**12, 1_000) * 1_000 == pytest.approx(
        10**12
    )  # A dollar a second, a thousand tokens.


def test_energy_is_power_for_as_long_as_the_work_lasts():
    # 1 kW for an hour at 0.12 $/kWh, in which it computes 3,600 tokens.
    assert energy_per_token(1_000, 120 * 10**9, 1.0) * 3_600 == pytest.approx(120 * 10**9)
