"""How long a call waits at an engine: what is unread flows off, and its pace is learned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompt_cache.backlog import LATELY_S, RATE_GUESS, Backlog


def test_what_waits_flows_off_at_the_engine_s_pace():
    backlog = Backlog()
    assert backlog.took(20_000, 0.0) == 20_000
    assert backlog.ahead(0.5) == 20_000 - RATE_GUESS / 2
    assert backlog.took(1_000, 0.5) == 16_000
    assert backlog.ahead(100.0) == 0


def test_once_its_answer_has_begun_nothing_of_a_call_waits():
    backlog = Backlog()
    backlog.took(20_000, 0.0)
    backlog.took(3_000, 0.0)
    backlog.answered(20_000, 0.0)
    assert backlog.ahead(0.0) == 3_000
    backlog.answered(3_000, 0.0)
    assert (backlog.ahead(0.0), backlog.unanswered) == (0, 0)


def test_its_pace_is_learned_from_what_was_read_before_answers_began():
    backlog = Backlog()
    for _ in range(200):
        backlog.learn(40_000, 1.0)
    assert backlog.rate == pytest.approx(40_000, rel=0.01)
    for ahead, seconds in ((100, 5.0), (40_000, 0.0), (40_000, -1.0)):  # The network, and clocks that were set.
        backlog.learn(ahead, seconds)
    assert backlog.rate == pytest.approx(40_000, rel=0.01)


def test_what_was_read_lately_fades():
    backlog = Backlog()
    backlog.took(1_000, 0.0)
    assert backlog.lately(0.0) == 1_000
    assert backlog.lately(LATELY_S) == pytest.approx(368, abs=1)
    backlog.answered(1_000, LATELY_S)
    assert backlog.lately(LATELY_S) == pytest.approx(368, abs=1)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.floats(-1, 5)), max_size=40))
def test_no_more_waits_than_is_unanswered_and_nothing_is_negative(calls):
    """Whatever clocks do."""
    backlog, now, waiting = Backlog(), 0.0, []
    for tokens, later in calls:
        now += later
        if len(waiting) > 3:
            backlog.answered(waiting.pop(0), now)
        backlog.took(tokens, now)
        waiting.append(tokens)
        assert 0 <= backlog.ahead(now) <= backlog.unanswered == sum(waiting)
        assert backlog.lately(now) >= 0
