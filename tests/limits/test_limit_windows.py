"""Windows contain their moment, and follow each other without gap or overlap, whatever a country does to its clocks."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import inf
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.limit import Span, Start
from gateway.limits.windows import utc_text, window_at

ZONES = [
    "UTC",
    "Europe/Zurich",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Havana",
    "America/St_Johns",
    "Pacific/Apia",
]
CLOCK = [Span.SECOND, Span.MINUTE, Span.HOUR]
CALENDAR = [Span.DAY, Span.WEEK, Span.MONTH, Span.QUARTER]


def unix(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


FROM, TO = unix("2011-01-01"), unix("2031-01-01")


def changes(zone, year):
    """The moments in a year when the zone's clocks are put forward or back."""
    place = ZoneInfo(zone)
    hours = [unix(f"{year}-01-01") + h * 1800 for h in range(366 * 48)]
    offsets = [datetime.fromtimestamp(t, place).utcoffset() for t in hours]
    return [t for t, (a, b) in zip(hours[1:], pairwise(offsets), strict=True) if a != b]


NEAR_CHANGES = [(zone, t) for zone in ZONES for year in (2011, 2026) for t in changes(zone, year)]

moments = st.one_of(
    st.tuples(st.sampled_from(ZONES), st.floats(FROM, TO)),
    st.tuples(st.sampled_from(ZONES), st.integers(int(FROM), int(TO)).map(float)),
    st.builds(lambda near, by: (near[0], near[1] + by), st.sampled_from(NEAR_CHANGES), st.floats(-90_000, 90_000)),
    st.builds(
        lambda near, by: (near[0], near[1] + by), st.sampled_from(NEAR_CHANGES), st.sampled_from([-1e-6, -3e-7, 0.0])
    ),
)


def test_the_changes_of_clocks_are_covered():
    """Zurich and Havana change twice a year, Lord Howe by half an hour, Kolkata never, Apia lost a whole day."""
    assert len(changes("Europe/Zurich", 2026)) == len(changes("America/Havana", 2026)) == 2
    assert changes("Asia/Kolkata", 2026) == []
    assert len(NEAR_CHANGES) > 10


@settings(max_examples=500)
@given(st.sampled_from(CLOCK + CALENDAR), moments)
def test_a_window_contains_its_moment_and_is_the_same_for_every_moment_in_it(span, where):
    zone, at = where
    window = window_at(span, zone, at)
    assert window.start <= at < window.end
    for other in (window.start, (window.start + window.end) / 2, window.end - 1e-3):
        assert window_at(span, zone, other) == window


@settings(max_examples=500)
@given(st.sampled_from(CLOCK + CALENDAR), moments)
def test_windows_follow_each_other_without_gap_or_overlap(span, where):
    zone, at = where
    window = window_at(span, zone, at)
    following, before = window_at(span, zone, window.end), window_at(span, zone, window.start - 1e-3)
    assert following.start == window.end
    assert before.end == window.start
    assert len({window.label, following.label, before.label}) == 3


def starts(span):
    days = {Span.DAY: 0, Span.WEEK: 6}.get(span, 30)
    return st.builds(Start, st.integers(0, days), st.integers(0, 1439))


calendar = st.sampled_from(CALENDAR).flatmap(lambda span: st.tuples(st.just(span), starts(span)))


@settings(max_examples=1000)
@given(calendar, moments)
def test_windows_that_begin_elsewhere_contain_their_moment_and_follow_each_other_too(kind, where):
    (span, start), (zone, at) = kind, where
    window = window_at(span, zone, at, start)
    assert window.start <= at < window.end
    for other in (window.start, (window.start + window.end) / 2, window.end - 1e-3):
        assert window_at(span, zone, other, start) == window
    following, before = (window_at(span, zone, t, start) for t in (window.end, window.start - 1e-3))
    assert (following.start, before.end) == (window.end, window.start)
    assert len({window.label, following.label, before.label}) == 3


@settings(max_examples=500)
@given(calendar, moments)
def test_windows_begin_where_one_says_or_after_what_the_clocks_skip(kind, where):
    (span, start), (zone, at) = kind, where
    began = datetime.fromtimestamp(window_at(span, zone, at, start).start, ZoneInfo(zone))
    place = ZoneInfo(zone)
    if datetime.fromtimestamp(began.timestamp() - 86400, place).utcoffset() != began.utcoffset():
        return  # A change of the clocks on that day.
    assert began.hour * 60 + began.minute == start.minute
    if span is Span.WEEK:
        assert began.weekday() == start.day
    if span in (Span.MONTH, Span.QUARTER):
        next_day = (began + timedelta(days=1)).day
        assert began.day == start.day + 1 or (began.day < start.day + 1 and next_day == 1)
    if span is Span.QUARTER:
        assert began.month % 3 == 1


@pytest.mark.parametrize(
    ("span", "start", "zone", "at", "began", "ends"),
    [
        (Span.DAY, Start(0, 540), "UTC", "2026-11-21T08:59", "2026-11-20T09:00", "2026-11-21T09:00"),
        (Span.DAY, Start(0, 540), "UTC", "2026-11-21T09:00", "2026-11-21T09:00", "2026-11-22T09:00"),
        (Span.WEEK, Start(6), "UTC", "2026-11-21T02:00", "2026-11-15", "2026-11-22"),
        (Span.WEEK, Start(6, 360), "UTC", "2026-11-22T05:00", "2026-11-15T06:00", "2026-11-22T06:00"),
        (Span.MONTH, Start(14), "UTC", "2026-01-03T00:00", "2025-12-15", "2026-01-15"),
        (Span.MONTH, Start(30), "UTC", "2026-02-28T00:00", "2026-02-28", "2026-03-31"),
        (Span.MONTH, Start(30), "UTC", "2026-02-27T23:59", "2026-01-31", "2026-02-28"),
        (Span.MONTH, Start(30), "UTC", "2028-02-29T12:00", "2028-02-29", "2028-03-31"),
        (Span.QUARTER, Start(14, 540), "UTC", "2026-01-15T08:00", "2025-10-15T09:00", "2026-01-15T09:00"),
        # The clocks skip 2:30, and in autumn it comes twice: the first one counts.
        (Span.DAY, Start(0, 150), "Europe/Zurich", "2026-03-29T12:00", "2026-03-29T03:30", "2026-03-30T02:30"),
        (Span.DAY, Start(0, 150), "Europe/Zurich", "2026-10-25T12:00", "2026-10-25T02:30", "2026-10-26T02:30"),
    ],
)
def test_where_windows_begin(span, start, zone, at, *, began, ends):
    window = window_at(span, zone, unix(at, zone), start)
    assert (window.start, window.end) == (unix(began, zone), unix(ends, zone))


@settings(max_examples=300)
@given(st.sampled_from(CALENDAR), moments)
def test_calendar_windows_begin_at_the_first_moment_of_a_local_day(span, where):
    """Midnight, or what follows it at once where the clocks skip midnight."""
    zone, at = where
    start = window_at(span, zone, at).start
    place = ZoneInfo(zone)
    first, before = datetime.fromtimestamp(start, place), datetime.fromtimestamp(start - 1, place)
    assert first.date() > before.date()
    if span is Span.WEEK:
        assert first.weekday() == 0 or before.weekday() == 6
    if span in (Span.MONTH, Span.QUARTER):
        assert first.month != before.month
    if span is Span.QUARTER:
        assert (first.month - 1) % 3 == 0


@settings(max_examples=300)
@given(st.sampled_from(CLOCK), moments)
def test_clock_windows_are_no_longer_than_their_name_and_end_on_the_wall_clock(span, where):
    zone, at = where
    window = window_at(span, zone, at)
    seconds = {Span.SECOND: 1, Span.MINUTE: 60, Span.HOUR: 3600}[span]
    assert window.end - window.start <= seconds
    if window.end - window.start == seconds:
        wall = datetime.fromtimestamp(window.start, ZoneInfo(zone))
        assert (wall.minute * 60 + wall.second) % seconds == 0


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Zurich", "2026-03-29", 23),
        ("Europe/Zurich", "2026-10-25", 25),
        ("Europe/Zurich", "2026-11-21", 24),
        ("America/Havana", "2026-03-08", 23),
        ("America/Havana", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Kolkata", "2026-03-29", 24),
    ],
)
def test_a_day_is_as_long_as_it_is(zone, day, hours):
    """Also in Havana, where the clocks change at midnight: it is skipped in spring and comes twice in autumn."""
    window = window_at(Span.DAY, zone, unix(f"{day}T12:00", zone))
    assert (window.end - window.start) / 3600 == hours
    assert datetime.fromisoformat(window.label).date().isoformat() == day


def test_a_day_that_never_was_has_no_window():
    """Samoa went from 29 to 31 December 2011 at midnight."""
    window = window_at(Span.DAY, "Pacific/Apia", unix("2011-12-29T12:00", "Pacific/Apia"))
    following = window_at(Span.DAY, "Pacific/Apia", window.end)
    assert datetime.fromtimestamp(following.start, ZoneInfo("Pacific/Apia")).date().isoformat() == "2011-12-31"


@pytest.mark.parametrize(
    ("span", "at", "start", "end"),
    [
        (Span.WEEK, "2026-11-21T02:00", "2026-11-16", "2026-11-23"),
        (Span.WEEK, "2026-11-16T00:00", "2026-11-16", "2026-11-23"),
        (Span.WEEK, "2026-11-15T23:59:59", "2026-11-09", "2026-11-16"),
        (Span.MONTH, "2028-02-29T12:00", "2028-02-01", "2028-03-01"),
        (Span.MONTH, "2026-12-31T23:00", "2026-12-01", "2027-01-01"),
        (Span.QUARTER, "2026-03-31T23:00", "2026-01-01", "2026-04-01"),
        (Span.QUARTER, "2026-04-01T00:00", "2026-04-01", "2026-07-01"),
        (Span.QUARTER, "2026-08-15T00:00", "2026-07-01", "2026-10-01"),
        (Span.QUARTER, "2026-11-21T00:00", "2026-10-01", "2027-01-01"),
    ],
)
def test_weeks_begin_on_monday_months_and_quarters_on_the_first(span, at, start, end):
    window = window_at(span, "UTC", unix(at))
    assert (window.start, window.end) == (unix(start), unix(end))
    assert utc_text(window.end) == f"{end}T00:00:00+00:00"


def test_an_hour_in_kolkata_begins_at_half_past_in_greenwich():
    window = window_at(Span.HOUR, "Asia/Kolkata", unix("2026-11-21T10:45"))
    assert window.start == unix("2026-11-21T10:30")


def test_an_hour_cut_by_a_change_of_half_an_hour_ends_there():
    """Lord Howe puts its clocks back from 2:00 to 1:30: what follows is half an hour of its own."""
    change = datetime(2026, 4, 4, 15, 0, tzinfo=UTC)
    before = window_at(Span.HOUR, "Australia/Lord_Howe", change.timestamp() - 1)
    after = window_at(Span.HOUR, "Australia/Lord_Howe", change.timestamp())
    assert before.end == after.start == change.timestamp()
    assert after.end == (change + timedelta(minutes=30)).timestamp()


def test_an_hour_in_the_middle_of_which_the_clock_moves_by_half_an_hour_ends_there():
    """Caracas went from 2:30 to 3:00 on the first of May 2016."""
    change = datetime(2016, 5, 1, 7, 0, tzinfo=UTC).timestamp()
    before, after = (window_at(Span.HOUR, "America/Caracas", change + by) for by in (-1, 0))
    assert (before.start, before.end) == (change - 1800, change)
    assert (after.start, after.end) == (change, change + 3600)


def test_a_rolling_window_never_ends():
    window = window_at(Span.ROLLING, "Europe/Zurich", unix("2026-11-21"))
    assert (window.label, window.start, window.end) == ("rolling", 0.0, inf)


@pytest.mark.parametrize("span", [Span.LIFETIME, Span.RUNNING])
def test_what_has_no_window_never_resets(span):
    window = window_at(span, "Europe/Zurich", unix("2026-11-21"))
    assert (window.label, window.start, window.end, utc_text(window.end)) == ("always", 0.0, inf, None)
    assert window_at(span, "UTC", 0) == window
