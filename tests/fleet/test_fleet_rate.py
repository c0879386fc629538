"""What a machine is owed: whole numbers that add up, whatever the steps, the week and the clocks do."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fleet.rate import HOUR_NS, PER_PICO, SECOND_NS, Rate, Step, Week, constant

MINUTE_NS = 60 * SECOND_NS
BEGUN = 1_760_000_000 * SECOND_NS
WORK = Week("Europe/Berlin", tuple((day * 1440 + 480, day * 1440 + 1080) for day in range(5)))  # Mo-Fr, 8 to 18.

moments = st.integers(BEGUN, BEGUN + 400 * 24 * HOUR_NS)
near = st.integers(0, 40 * 24 * HOUR_NS)


@st.composite
def weeks(draw) -> Week:
    edges = sorted(draw(st.sets(st.integers(0, 7 * 1440), max_size=8)))
    spans = tuple(zip(edges[::2], edges[1::2], strict=False))
    return Week(draw(st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"])), spans)


@st.composite
def rates(draw) -> Rate:
    since = sorted(draw(st.sets(moments, min_size=1, max_size=5)))
    steps = tuple(Step(at, draw(st.integers(0, 10**14))) for at in since)
    return Rate(steps, draw(st.none() | weeks()))


@given(rates(), moments, near, near)
def test_what_is_owed_adds_up_over_any_split(rate, start, first, second):
    middle, end = start + first, start + first + second
    assert rate.owed(start, middle) + rate.owed(middle, end) == rate.owed(start, end)


@given(rates(), moments)
def test_what_surely_stays_so_does(rate, at):
    picos, until = rate.at(at)
    assert until > at
    for moment in (at, (at + min(until, at + HOUR_NS)) // 2, min(until, at + HOUR_NS) - 1):
        assert rate.at(moment)[0] == picos


@given(weeks(), moments)
def test_a_week_is_that_of_the_clock_on_the_wall(week, at):
    local = datetime.fromtimestamp(at // SECOND_NS, ZoneInfo(week.timezone))
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    assert week.at(at)[0] == any(since <= minute < until for since, until in week.spans)


def test_an_hour_costs_its_rate():
    assert constant(2_470_000_000_000).owed(BEGUN, BEGUN + HOUR_NS) == 2_470_000_000_000 * PER_PICO


def test_nothing_is_owed_for_no_time():
    assert constant(1).owed(BEGUN, BEGUN) == 0


def test_a_step_changes_what_is_owed_from_its_moment_on():
    rate = Rate((Step(0, 100), Step(BEGUN + HOUR_NS, 300)))
    assert rate.owed(BEGUN, BEGUN + 2 * HOUR_NS) == 400 * HOUR_NS


def test_before_the_first_step_its_rate_is_owed():
    assert Rate((Step(BEGUN, 7), Step(BEGUN + 1, 9))).owed(BEGUN - 10, BEGUN) == 70


@pytest.mark.parametrize(
    ("monday", "hours"),
    [
        ("2026-06-01", 50),
        ("2026-03-23", 50),  # Its Sunday has 23 hours,
        ("2026-10-19", 50),  # its Sunday 25, and neither is worked on.
    ],
)
def test_outside_of_its_week_a_machine_costs_nothing(monday, hours):
    start = int(datetime.combine(date.fromisoformat(monday), time(), ZoneInfo("Europe/Berlin")).timestamp()) * SECOND_NS
    rate = Rate((Step(0, 10),), WORK)
    assert rate.owed(start, start + 7 * 24 * HOUR_NS) == 10 * hours * HOUR_NS


def test_a_night_in_which_clocks_go_back_is_an_hour_longer():
    night = Rate((Step(0, 1),), Week("Europe/Berlin", ((6 * 1440, 6 * 1440 + 240),)))  # Sunday, 0 to 4.
    start = int(datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * SECOND_NS
    assert night.owed(start - HOUR_NS, start + 24 * HOUR_NS) == 5 * HOUR_NS


def test_the_date_of_the_step_in_force_is_told():
    rate = Rate((Step(0, 1), Step(BEGUN, 2)))
    assert rate.since(BEGUN) == "2025-10-09"
    assert rate.since(BEGUN - 1) == ""
