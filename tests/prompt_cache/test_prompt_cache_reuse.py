"""How much of prompts comes again, and how soon, as the gateway counts it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.prompt_cache import reuse as module
from gateway.prompt_cache.economics import CAUTION, Reuse
from gateway.prompt_cache.reuse import CONVERSATIONS_MAX, ENDS_MAX, Sightings


def counted(sightings, kind="k"):
    with_caution = sightings.reuse(kind, "", 0.0)
    return tuple(a - b for a, b in zip(with_caution, CAUTION, strict=True))


def test_a_conversation_goes_on():
    sightings = Sightings()
    assert sightings.seen("k", "ab", 0.0) is None
    assert sightings.seen("k", "abcd", 100.0) == 100.0
    assert sightings.seen("k", "abcde", 1000.0) == 900.0
    assert counted(sightings) == (2 + 2 + 1, 2, 4)


def test_after_an_hour_it_is_new():
    sightings = Sightings()
    sightings.seen("k", "ab", 0.0)
    assert sightings.seen("k", "abc", 3601.0) is None
    assert counted(sightings) == (2 + 3, 0, 0)


def test_a_prompt_whose_end_was_changed_goes_on_from_an_earlier_one():
    sightings = Sightings()
    for prompt in ("ab", "abcd", "abXY"):
        sightings.seen("k", prompt, 10.0)
    assert counted(sightings) == (2 + 2 + 2, 2 + 2, 0)


def test_a_prompt_to_come_is_counted_and_not_learned():
    sightings = Sightings()
    sightings.seen("k", "ab", 0.0)
    for _ in range(3):
        assert sightings.reuse("k", "abcd", 10.0) == Reuse(2 + 2, 2, 0).also(CAUTION)
        assert sightings.reuse("k", "abcd", 1000.0) == Reuse(2 + 2, 0, 2).also(CAUTION)
        assert sightings.reuse("k", "xy", 10.0) == Reuse(2 + 2, 0, 0).also(CAUTION)
        assert sightings.reuse("other", "ab", 10.0) == Reuse(2, 0, 0).also(CAUTION)
    assert counted(sightings) == (2, 0, 0)


def test_kinds_are_counted_apart():
    sightings = Sightings()
    sightings.seen("k", "ab", 0.0)
    assert sightings.seen("other", "ab", 1.0) is None
    assert counted(sightings) == counted(sightings, "other") == (2, 0, 0)
    assert sightings.reuse("nobody", "", 0.0) == CAUTION


def test_a_prompt_of_less_than_a_block_says_nothing():
    sightings = Sightings()
    assert sightings.seen("k", "", 0.0) is None
    assert sightings.reuse("k", "", 0.0) == CAUTION


def test_what_is_old_counts_less(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 10)
    sightings = Sightings()
    sightings.seen("k", range(8), 0.0)
    sightings.seen("k", range(8), 1.0)
    assert sightings.reuse("k", "", 0.0) == Reuse(4, 4, 0).also(CAUTION)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "KINDS_MAX", 3)
    monkeypatch.setattr(module, "CONVERSATIONS_MAX", 5)
    sightings = Sightings()
    for number in range(50):
        sightings.seen(number % 7, [number, -number - 1], float(number))
    assert len(sightings._all) <= 5
    assert len(sightings._kinds) <= 3
    for number in range(100):
        sightings.seen("long", [*range(1000, 1001 + number)], 60.0)
    assert len(sightings._kinds["long"].of) <= ENDS_MAX
    assert CONVERSATIONS_MAX > 5, "the figure itself is not changed by the test"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6), st.floats(0, 2000)), max_size=40))
def test_nothing_comes_again_that_was_not_sent(calls):
    """Each block is counted once, and never more of them as known than the longest prompt of that conversation had."""
    sightings, at, sent, longest = Sightings(), 0.0, 0, {}
    for talk, length, pause in calls:
        at += pause
        before = sightings.reuse("k", [], 0.0)
        since = sightings.seen("k", [(talk, n) for n in range(length)], at)
        after = sightings.reuse("k", [], 0.0)
        again = after.soon + after.later - before.soon - before.later
        assert again <= longest.get(talk, 0)
        assert (again > 0) == (since is not None)
        sent += length
        longest[talk] = max(length, longest.get(talk, 0))
    assert sum(counted(sightings)) == sent
