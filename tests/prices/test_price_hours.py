"""Prices by the hour and the day of the week: which one holds at an instant, and for how long."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prices.book import PriceBook
from gateway.prices.bundled import snapshot
from gateway.prices.dated import ALL_DAYS, DAY, Hours
from gateway.prices.overrides import read_overrides

MINUTE = 60
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

minutes = st.integers(0, DAY // MINUTE)
spans = st.tuples(minutes, minutes).filter(lambda s: s[0] != s[1] and s[0] < DAY // MINUTE)
hours = st.builds(
    Hours,
    st.lists(spans.map(lambda s: (s[0] * MINUTE, s[1] * MINUTE)), min_size=1, max_size=3).map(tuple),
    st.sets(st.sampled_from(ALL_DAYS), min_size=1).map(lambda days: tuple(sorted(days))),
)
instants = st.integers(0, 20 * DAY).map(lambda s: BEGIN + timedelta(seconds=s))


def by_the_clock(some, at):
    """The same by calendars and clocks: whether the hours that began today or yesterday are still on."""
    for day in (at.date(), at.date() - timedelta(days=1)):
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        for start, end in some.spans if day.weekday() in some.days else ():
            ends = midnight + timedelta(seconds=end, days=1 if end <= start else 0)
            if midnight + timedelta(seconds=start) <= at < ends:
                return True
    return False


@given(hours, instants)
def test_hours_are_those_of_the_clock_and_the_calendar(some, at):
    assert some.applies(at.timestamp()) == by_the_clock(some, at)


@given(hours, instants)
def test_nothing_changes_within_the_window_of_hours(some, at):
    now = at.timestamp()
    valid = some.window(now)
    assert valid.since <= now < valid.until <= now + DAY + 1
    begin, end = datetime.fromtimestamp(valid.since, UTC), datetime.fromtimestamp(valid.until - 1, UTC)
    steps = int((end - begin).total_seconds()) // MINUTE
    for moment in (begin, end, *(begin + timedelta(minutes=n) for n in range(0, steps, 7))):
        assert by_the_clock(some, moment) == by_the_clock(some, at)


days = st.dates(date(2026, 1, 1), date(2026, 1, 20))


@given(st.lists(st.tuples(st.none() | days, st.none() | days, st.none() | hours), max_size=4), st.lists(instants))
def test_a_book_gives_the_price_of_the_instant_whatever_it_was_asked_before(rules, moments):
    """Against brute force: the last rule that holds, through all caches, in any order of questions."""
    entries, kept = [], []
    for rate, (since, until, some) in enumerate(rules, start=2):
        if since and until and since >= until:
            continue
        entry = {"provider": "p", "model": "m", "input": f"{rate}/M", "output": "0/M"}
        entry |= {"from": since} if since else {}
        entry |= {"until": until} if until else {}
        if some:
            entry["hours"] = ", ".join(f"{_clock(a)}-{_clock(b)}" for a, b in some.spans)
            entry["days"] = ",".join(("mon", "tue", "wed", "thu", "fri", "sat", "sun")[d] for d in some.days)
        entries.append(entry)
        kept.append((rate, since, until, some))
    book = PriceBook(snapshot(), read_overrides(entries, where="prices"))
    for at in moments:
        rates = [
            rate
            for rate, since, until, some in kept
            if (since is None or at.date() >= since)
            and (until is None or at.date() < until)
            and (some is None or by_the_clock(some, at))
        ]
        price = book.price("p", "m", at.timestamp())
        assert (price.standard.base.input // 10**6 if price else None) == (rates[-1] if rates else None)


def _clock(seconds):
    return f"{seconds // 3600:02}:{seconds % 3600 // 60:02}"


PEAK, OFF, FLAT, EARLY_PEAK, EARLY_OFF = 300_000, 150_000, 140_000, 440_000, 220_000


@pytest.mark.parametrize(
    ("at", "rate"),
    [
        ("2026-08-14T02:00", FLAT),  # A Friday before there were any.
        ("2026-08-16T23:59", FLAT),
        ("2026-08-17T00:59", EARLY_OFF),
        ("2026-08-17T01:00", EARLY_PEAK),
        ("2026-08-22T02:00", EARLY_PEAK),  # A Saturday, still.
        ("2026-08-23T02:00", EARLY_OFF),
        ("2026-08-24T02:00", EARLY_PEAK),
        ("2026-09-10T03:59", PEAK),  # A Thursday.
        ("2026-09-10T04:00", OFF),
        ("2026-09-10T05:59", OFF),
        ("2026-09-10T06:00", PEAK),
        ("2026-09-10T09:59", PEAK),
        ("2026-09-10T10:00", OFF),
        ("2026-11-14T02:00", OFF),  # A Saturday.
        ("2026-11-15T07:00", OFF),
        ("2026-11-16T00:59", OFF),
        ("2026-11-16T01:00", PEAK),
    ],
)
def test_deepseeks_peak_hours(book, at, rate):
    """Weekdays 01:00-04:00 and 06:00-10:00 UTC, from 2026-08-17; weekends free of them from 2026-08-23."""
    price = book.price("deepseek", "deepseek-v4-flash", datetime.fromisoformat(f"{at}+00:00").timestamp())
    assert price.standard.base.input == rate


def test_deepseek_pro_at_weekends(book):
    rates = [
        book.price("deepseek", "deepseek-v4-pro", datetime.fromisoformat(f"2026-11-{d}T02:00+00:00").timestamp())
        for d in (13, 14, 15, 16)
    ]
    assert [price.standard.base.output for price in rates] == [3_960_000, 1_980_000, 1_980_000, 3_960_000]
