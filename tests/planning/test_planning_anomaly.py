"""An hour that costs too much is seen, and ordinary weeks are not."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.planning.anomaly import WEEK_H, WORTH_NANOS, unusual

DOLLAR = 10**9
NOW = 5 * WEEK_H + 50


def weeks(seed=1, until=NOW, dollars=100):
    """Five weeks with busy days and quiet nights, which scatter."""
    random = Random(seed)
    return {
        hour: int(dollars * DOLLAR * (1 if 8 <= hour % 24 < 20 else 0.2) * random.uniform(0.8, 1.2))
        for hour in range(until)
    }


def test_three_times_the_usual_is_seen_and_the_usual_is_not():
    spent = weeks()
    usual = spent[NOW - WEEK_H]
    assert unusual({**spent, NOW: usual}, NOW, 0) is None
    found = unusual({**spent, NOW: 3 * usual}, NOW, 0)
    assert found is not None
    assert found.spent == 3 * usual
    assert found.usual == pytest.approx(usual, rel=0.3)
    assert found.usual < found.bar < found.spent


def test_no_ordinary_hour_is_told():
    spent = weeks(until=6 * WEEK_H)
    assert [hour for hour in range(4 * WEEK_H, 6 * WEEK_H) if unusual(spent, hour, 0)] == []


def test_an_hour_that_is_not_over_is_told_once_it_has_passed_the_bar():
    spent = weeks()
    bar = unusual({**spent, NOW: 10**15}, NOW, 0).bar
    assert unusual({**spent, NOW: bar}, NOW, 0) is None
    assert unusual({**spent, NOW: bar + 1}, NOW, 0) is not None


def test_three_weeks_must_be_known():
    spent = {**weeks(), NOW: 10**15}
    assert unusual(spent, NOW, NOW - 3 * WEEK_H + 1) is None
    assert unusual(spent, NOW, NOW - 3 * WEEK_H) is not None


def test_an_odd_week_moves_nothing():
    """What was odd once does not hide the next time."""
    spent = weeks()
    for beside in (-1, 0, 1):
        spent[NOW - 2 * WEEK_H + beside] *= 50
    assert unusual({**spent, NOW: 3 * spent[NOW - WEEK_H]}, NOW, 0) is not None


def test_whoever_spends_more_in_general_is_left_alone():
    spent = weeks()
    usual = spent[NOW - WEEK_H]
    later = {hour: nanos * (4 if hour >= NOW - WEEK_H else 1) for hour, nanos in spent.items()}
    assert unusual({**later, NOW: 4 * usual}, NOW, 0) is None
    assert unusual({**spent, NOW: 4 * usual}, NOW, 0) is not None


def test_of_a_node_that_mostly_spends_nothing_only_what_it_never_spent_is_odd():
    spent = {10: 30 * DOLLAR, 400: 40 * DOLLAR}
    assert unusual({**spent, NOW: 60 * DOLLAR}, NOW, 0) is None
    assert unusual({**spent, NOW: 61 * DOLLAR}, NOW, 0) is not None


@given(st.dictionaries(st.integers(0, NOW), st.integers(0, 10**12), max_size=60), st.integers(0, WORTH_NANOS))
def test_less_than_a_dollar_is_never_told(spent, nanos):
    assert unusual({**spent, NOW: nanos}, NOW, 0) is None
