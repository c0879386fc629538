"""What calls owe and what nobody used is what the machine is owed, to the pico-dollar, whatever happens."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from test_fleet_rate import BEGUN, rates

from gateway.fleet.clock import CostClock, Owed
from gateway.fleet.rate import HOUR_NS, PER_PICO, SECOND_NS, constant

DOLLAR = 10**12
S = SECOND_NS

EVENTS = ("join", "join", "weigh", "leave", "drop", "others", "owes")
events = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.integers(-S, 600 * S),  # Since the one before; clocks are set back, too.
        st.integers(1, 2**40),  # A weight.
        st.integers(0, 10**6),  # Which of those in flight.
    ),
    max_size=200,
)


@given(rates(), events)
def test_nothing_is_lost_and_nothing_made_up(rate, happened):
    clock, now, last, flying, owed = CostClock(rate, BEGUN), BEGUN, BEGUN, [], 0
    for what, wait, weight, which in happened:
        now += wait
        last = max(last, now)
        if what == "join":
            flying.append(clock.join(weight, now))
        elif what == "others":
            clock.others(weight % 3 and weight, now)
        elif flying:
            share = flying[which % len(flying)]
            if what == "weigh":
                clock.weigh(share, weight, now)
            elif what == "owes":
                assert clock.owes(share, now) >= 0
            else:
                flying.remove(share)
                if what == "leave":
                    owed += (told := clock.leave(share, now)).picos
                    assert 0 <= told.first <= told.picos
                else:
                    clock.drop(share, now)
    for share in flying:
        owed += clock.leave(share, last).picos
    clock.others(0, last)
    assert owed == clock.attributed
    assert clock.in_flight == 0
    assert clock.attributed + clock.foreign + clock.idle == rate.owed(BEGUN, last) // PER_PICO


@given(
    st.lists(
        st.tuples(st.integers(0, 100 * S), st.integers(1, 100 * S), st.integers(1, 10**9)), min_size=1, max_size=12
    )
)
def test_shares_are_those_of_exact_arithmetic(calls):
    """(begun, for how long, weight), against fractions and a sum over all in flight at every change."""
    rate = constant(10 * DOLLAR)
    clock = CostClock(rate, BEGUN)
    moments = sorted({at for begun, lasts, _ in calls for at in (begun, begun + lasts)})
    exact = [Fraction(0)] * len(calls)
    for since, until in pairwise(moments):
        there = [n for n, (begun, lasts, _) in enumerate(calls) if begun <= since < begun + lasts]
        for n in there:
            part = Fraction(calls[n][2], sum(calls[other][2] for other in there))
            exact[n] += part * rate.owed(since, until) / PER_PICO
    shares, owed = {}, {}
    for at in moments:
        for n, (begun, lasts, weight) in enumerate(calls):
            if begun + lasts == at:
                owed[n] = clock.leave(shares[n], BEGUN + at).picos
            if begun == at:
                shares[n] = clock.join(weight, BEGUN + at)
    assert all(abs(owed[n] - exact[n]) <= 1 for n in range(len(calls)))


def test_a_call_alone_owes_all_of_its_time():
    clock = CostClock(constant(3600 * DOLLAR), 0)
    share = clock.join(7, 2 * S)
    assert clock.owes(share, 3 * S) == DOLLAR - 1  # Rounded down.
    assert clock.leave(share, 5 * S) == Owed(3 * DOLLAR, 0)
    assert (clock.idle, clock.attributed) == (2 * DOLLAR, 3 * DOLLAR)


def test_calls_share_by_weight_and_a_weight_may_change():
    clock = CostClock(constant(3600 * DOLLAR), 0)
    reads, writes = clock.join(30, 0), clock.join(10, 0)
    clock.weigh(reads, 10, 4 * S)
    assert clock.in_flight == 2
    assert clock.leave(writes, 6 * S) == Owed(2 * DOLLAR, 0)
    assert clock.leave(reads, 6 * S) == Owed(4 * DOLLAR, 3 * DOLLAR)


def test_who_is_refused_leaves_its_share_to_nobody():
    clock = CostClock(constant(3600 * DOLLAR), 0)
    refused, answered = clock.join(1, 0), clock.join(1, 0)
    clock.drop(refused, 2 * S)
    assert clock.leave(answered, 2 * S).picos == DOLLAR
    assert clock.idle == DOLLAR


def test_calls_of_others_pay_for_themselves():
    clock = CostClock(constant(3600 * DOLLAR), 0)
    clock.others(3, 0)
    own = clock.join(1, 0)
    assert clock.in_flight == 1
    assert clock.leave(own, 4 * S).picos == DOLLAR
    clock.others(0, 5 * S)
    clock.others(0, 6 * S)
    assert (clock.foreign, clock.idle) == (4 * DOLLAR, DOLLAR)


def test_a_clock_that_was_set_back_stands_still():
    clock = CostClock(constant(3600 * DOLLAR), HOUR_NS)
    share = clock.join(1, HOUR_NS)
    assert clock.owes(share, 0) == 0
    assert clock.leave(share, HOUR_NS + S).picos == DOLLAR
