"""The names and moments of rolling windows: every moment has its bucket, and every bucket counts as long as it must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.limit import Limit, Span, Unit, short_window_before
from gateway.core.rolling import (
    BUCKETS,
    books,
    bucket_at,
    bucket_left_before,
    buckets,
    in_ledger,
    leaves_at,
    length,
    record_of,
    spelled,
    width,
)

lengths = st.integers(10, 366 * 86400)
moments = st.floats(0, 4e9)
nodes = st.sampled_from(["all", "team:a", "key:a/b@c", "user:x/rolling 5m@rolling", "key:* model:a/b"])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(10, "10s"), (600, "10m"), (18000, "5h"), (90, "90s"), (86400, "1d"), (30 * 86400, "30d"), (5400, "90m")],
)
def test_a_length_is_spelled_in_the_largest_unit_that_fits(seconds, text):
    assert spelled(seconds) == f"rolling {text}"


@given(nodes, lengths)
def test_a_name_tells_the_length_of_its_window(node, seconds):
    name = Limit(node, Unit.USD, 1, Span.ROLLING, rolling_s=seconds).id
    assert length(f"{node}/usd/{spelled(seconds)}@rolling") == length(f"{name}@2026") == seconds


@pytest.mark.parametrize("name", ["", "x", "all/usd/day@2026", "all/usd/lifetime@always", "a/rolling 5h@x/usd/day@y"])
def test_other_accounts_do_not_roll_and_are_their_own_books(name):
    assert length(name) == 0
    assert books(name, 0.0) == [name]
    assert record_of(name, 0.0) == name
    assert not bucket_left_before(name, 4e9)


@given(lengths, moments)
def test_there_are_few_buckets_and_none_is_short_or_long(seconds, now):
    assert 1 <= width(seconds) <= max(1, seconds / BUCKETS + 1)
    assert len(buckets(seconds, now)) <= BUCKETS + 3
    assert bucket_at(seconds, now) <= now < bucket_at(seconds, now) + width(seconds)


@given(lengths, moments, st.floats(0, 400 * 86400))
def test_what_was_spent_counts_for_the_window_and_for_a_bucket_more_at_most(seconds, at, later):
    bucket, now = bucket_at(seconds, at), at + later
    counts = now < leaves_at(seconds, bucket)
    assert counts is (bucket in buckets(seconds, now))
    if later <= seconds:
        assert counts
    if later >= seconds + width(seconds):
        assert not counts


@given(nodes, lengths, moments, st.floats(0, 400 * 86400))
def test_a_bucket_in_the_ledger_belongs_to_its_record_while_it_counts_and_can_be_swept_then(node, seconds, at, later):
    record, now = f"{node}/usd/{spelled(seconds)}@rolling", at + later
    account = in_ledger(record, bucket_at(seconds, at))
    counts = account in books(record, now)
    assert record_of(account, now) == (record if counts else None)
    assert not (counts and short_window_before(account, now))
    assert short_window_before(account, leaves_at(seconds, bucket_at(seconds, at)) + 1)
    assert not short_window_before(record, 5e9), "the record itself never ends"
