"""Spend to come: exact where days are regular, within its interval where they are not."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.money import ZERO, Money
from gateway.planning.forecast import DAY_S, Rolling, fit, horizon, reached, reached_rolling, series

FIRST = 20_000


def ahead(after, count):
    return [(FIRST + after + number, Fraction(1)) for number in range(count)]


def amounts(count, of):
    return [Money.usd(of(day)) for day in range(count)]


@pytest.mark.parametrize("known", [7, 13, 14, 56])
def test_a_straight_line_goes_on(known):
    told = fit(FIRST, amounts(known, lambda day: 10 + 2 * day)).sum(ahead(known, 10))
    assert told.expected == Money.usd(sum(10 + 2 * day for day in range(known, known + 10)))
    assert told.low == told.expected == told.high


def test_weeks_go_on():
    """Quiet weekends, and a trend beneath."""

    def day_of(day):
        return day + (5 if (FIRST + day) % 7 in (2, 3) else 100)

    known = fit(FIRST, amounts(56, day_of))
    for count in (1, 5, 7, 30):
        told = known.sum(ahead(56, count))
        assert told.low == told.expected == told.high == Money.usd(sum(map(day_of, range(56, 56 + count))))


def test_a_few_days_have_no_trend():
    told = fit(FIRST, amounts(3, lambda day: day)).sum(ahead(3, 10))
    assert told.expected == Money.usd(10)
    assert told.low < told.expected < told.high


def test_one_day_says_nothing_of_how_days_differ():
    told = fit(FIRST, [Money.usd(5)]).sum(ahead(1, 2))
    assert (told.expected, told.low, told.high) == (Money.usd(10), None, None)
    assert told.scaled(Fraction(2)).expected == Money.usd(20)
    assert told.scaled(Fraction(2)).low is None


def test_nothing_is_never_negative():
    told = fit(FIRST, amounts(10, lambda day: max(0, 50 - 10 * day))).sum(ahead(10, 30))
    assert told.expected == told.low == ZERO


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=60), st.integers(1, 40))
@settings(deadline=None)
def test_the_expected_sum_is_within_its_bounds(picos, count):
    told = fit(FIRST, [Money(amount) for amount in picos]).sum(ahead(len(picos), count))
    assert told.expected >= ZERO
    if told.low is not None:
        assert told.low <= told.expected <= told.high


def test_nine_of_ten_sums_are_within_the_interval():
    """Noise around a line with a season, four weeks ahead of eight: 250 histories made from one seed."""
    random, within = Random(7), 0
    for _ in range(250):
        days = [200 + day + 40 * (day % 7 < 5) + round(random.gauss(0, 30)) for day in range(84)]
        told = fit(FIRST, [Money.usd(max(0, day)) for day in days[:56]]).sum(ahead(56, 28))
        within += told.low <= Money.usd(sum(days[56:])) <= told.high
    assert 0.85 <= within / 250 <= 0.95


def test_the_days_until_then():
    """The rest of today, two whole days, and a quarter of the last."""
    days = horizon(FIRST * DAY_S + DAY_S // 2, (FIRST + 3) * DAY_S + DAY_S // 4)
    half, quarter = Fraction(1, 2), Fraction(1, 4)
    assert days == [(FIRST, half), (FIRST + 1, 1), (FIRST + 2, 1), (FIRST + 3, quarter)]
    assert horizon(FIRST * DAY_S, FIRST * DAY_S) == []


def test_days_without_calls_count_as_nothing_once_there_were_some():
    by_day = {FIRST + 2: Money.usd(1), FIRST + 4: Money.usd(3), FIRST + 5: Money.usd(9)}
    assert series(by_day, FIRST + 5) == (FIRST + 2, [Money.usd(1), ZERO, Money.usd(3)])
    assert series({}, FIRST) == (FIRST, [])
    assert series({FIRST: Money.usd(1)}, FIRST) == (FIRST, [])


def test_when_a_limit_is_reached():
    steady = fit(FIRST, amounts(14, lambda day: 10))
    assert reached(steady, ahead(14, 10), Money.usd(35)) == (FIRST + 17, FIRST + 17)
    assert reached(steady, ahead(14, 10), Money.usd(35), Fraction(2)) == (FIRST + 15, FIRST + 15)
    assert reached(steady, ahead(14, 10), Money.usd(101)) == (None, None)
    assert reached(steady, ahead(14, 10), ZERO) == (FIRST + 14, FIRST + 14)


def test_a_limit_may_be_reached_earlier_than_expected():
    rough = fit(FIRST, amounts(14, lambda day: 20 * (day % 2)))
    expected, earliest = reached(rough, ahead(14, 30), Money.usd(150))
    assert earliest < expected


def test_one_day_known_gives_a_date_all_the_same():
    assert reached(fit(FIRST, [Money.usd(5)]), ahead(1, 9), Money.usd(10)) == (FIRST + 2, FIRST + 2)


@pytest.mark.parametrize(("amount", "day"), [(30, 10), (32, 10), (33, 11), (36, 11), (37, 12), (72, 17), (73, None)])
def test_an_amount_that_rolls_is_reached_when_its_days_come_to_it(amount, day):
    """Ten dollars a day, then two more every day: 12, 14, … What leaves the three days counts no longer."""
    by_day = {FIRST + number: Money.usd(10) for number in range(10)}
    going = fit(FIRST, amounts(20, lambda day: 10 + 2 * (day - 9)))
    found = reached_rolling(going, ahead(10, 8), Rolling(by_day, 3, Money.usd(amount)))
    assert found == (day and FIRST + day, day and FIRST + day)
