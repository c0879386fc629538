"""Answers are kept for the very same question of the very same key, for a while, and within a size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.exact import ANSWER_BYTES_ASIDE, ANSWER_BYTES_MAX, ExactCache, fingerprint
from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.price import UNPRICED
from gateway.core.request import Asked
from gateway.core.usage import Usage

BOUGHT = Entry(
    "r.1", "r", 0.0, Caller("k"), "m", "p", "m", "m", "standard", selfhosted=False, reason="", usage=Usage(),
    cost=UNPRICED, held_nanos=0, outcome=Outcome.OK, status=200, stream=True,
)  # fmt: skip


def cache(bodies=1000, answers=1, ttl_s=60):
    """A cache with room for bodies of so many bytes in all, in so many answers."""
    return ExactCache(ttl_s=ttl_s, bytes_max=bodies + answers * ANSWER_BYTES_ASIDE)


def put(kept, asked, body=b"answer", now=0.0):
    kept.put(asked, "application/json", body, BOUGHT, now)


def named(key, dialect, body, **more):
    return fingerprint(key, dialect, Asked(body, **more))


def test_what_the_path_and_the_head_say_is_part_of_a_question():
    said = [{}, {"model": "m"}, {"verb": "m"}, {"query": "m"}, {"content_type": "m"}, {"betas": "m"}]
    assert len({named("k", "d", b"", **more) for more in said}) == len(said)


parts = st.tuples(st.text(max_size=4), st.text(max_size=4), st.binary(max_size=4))


@given(parts, parts)
def test_two_questions_are_the_same_only_if_key_dialect_and_body_are(one, other):
    assert (named(*one) == named(*other)) == (one == other)


def test_parts_of_a_question_cannot_run_together():
    """What one tenant moves from the name of its key into its body must not meet another tenant's answer."""
    names = {
        named("ab", "c", b"d"),
        named("a", "bc", b"d"),
        named("a", "b", b"cd"),
        named("", "ab", b"cd"),
    }
    assert len(names) == 4


def test_an_answer_is_found_with_all_that_was_kept():
    kept = cache()
    put(kept, b"q", b"body", now=10.0)
    found = kept.get(b"q", 10.0)
    assert (found.content_type, found.body, found.stream, found.bought, found.until) == (
        "application/json",
        b"body",
        True,
        BOUGHT,
        70.0,
    )
    assert kept.get(b"other", 10.0) is None


def test_an_answer_is_fresh_until_its_time_and_then_gone():
    kept = cache(ttl_s=60)
    put(kept, b"q", now=0.0)
    assert kept.get(b"q", 59.999)
    assert kept.get(b"q", 60.0) is None
    assert kept.get(b"q", 0.0) is None


def test_the_least_recently_used_goes_first():
    kept = cache(30, answers=3)
    for name in (b"a", b"b", b"c"):
        put(kept, name, b"x" * 10)
    kept.get(b"a", 0.0)
    put(kept, b"d", b"x" * 10)
    assert [n for n in (b"a", b"b", b"c", b"d") if kept.get(n, 0.0)] == [b"a", b"c", b"d"]


def test_putting_again_replaces_and_does_not_count_twice():
    kept = cache(30, answers=2)
    put(kept, b"a", b"x" * 10)
    for size in (20, 5, 20):
        put(kept, b"b", b"y" * size)
    assert kept.get(b"a", 0.0).body == b"x" * 10
    assert kept.get(b"b", 0.0).body == b"y" * 20


@pytest.mark.parametrize("size", [ANSWER_BYTES_MAX, ANSWER_BYTES_MAX + 1])
def test_an_answer_that_is_too_large_is_not_kept(size):
    kept = cache(1 << 30)
    put(kept, b"q", bytes(size))
    assert bool(kept.get(b"q", 0.0)) == (size <= ANSWER_BYTES_MAX)


def test_an_answer_larger_than_the_whole_cache_drives_nothing_out():
    kept = cache(10)
    put(kept, b"small", b"x")
    for size in (11, 10 + ANSWER_BYTES_ASIDE, 11 + ANSWER_BYTES_ASIDE):
        put(kept, b"large", b"x" * size)
        assert kept.get(b"small", 0.0)
        assert kept.get(b"large", 0.0) is None
    put(kept, b"fits", b"x" * 10)
    assert kept.get(b"fits", 0.0)


def test_what_an_answer_takes_beside_its_body_counts():
    """Else answers of a few bytes, or none, would fill the memory many times over."""
    kept = cache(0, answers=3)
    names = [b"%d" % n for n in range(10)]
    for name in names:
        put(kept, name, b"")
    assert [n for n in names if kept.get(n, 0.0)] == names[-3:]
    put(kept, b"one byte", b"x")
    assert kept.get(b"one byte", 0.0)
    assert [n for n in names if kept.get(n, 0.0)] == names[-1:]


def test_an_answer_that_goes_gives_back_all_that_it_took():
    kept = cache(10, answers=2, ttl_s=5)
    for now in range(0, 1000, 10):
        put(kept, b"a", b"x" * 5, now)
        put(kept, b"b", b"x" * 5, now)
        assert kept.get(b"a", now)
        assert kept.get(b"b", now)
        assert kept.get(b"a", now + 5) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12), st.integers(0, 3)), max_size=40))
def test_the_size_is_kept_whatever_happens(steps):
    """Puts, replacements, expiries and evictions: what can be found never passes the bound."""
    kept, now = cache(20, answers=3, ttl_s=5), 0
    for name, size, later in steps:
        now += later
        put(kept, bytes([name]), b"x" * size, now)
        kept.get(bytes([name - 1]) if name else b"?", now)
        found = [kept.get(bytes([n]), now) for n in range(6)]
        taken = sum(len(f.body) + ANSWER_BYTES_ASIDE for f in found if f)
        assert taken <= 20 + 3 * ANSWER_BYTES_ASIDE
        assert found[name], "what came last fits, and stays"
