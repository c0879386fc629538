"""Answers to similar questions are given only while what was seen rules out that too many of them are wrong."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache import evidence as module
from gateway.cache.evidence import COUNTED_MAX, DOUBT, LEVELS, Evidence, ruled_out

TOP = LEVELS[0]


def seen(hits, wrong, allowed=0.05, score=1.0):
    evidence = Evidence(allowed)
    for number in range(hits):
        evidence.saw(score, good=number >= wrong, chosen=True)
    return evidence


def test_nothing_is_served_before_anything_is_known():
    assert not Evidence(0.05).serves(1.0)
    assert Evidence(0.05).bound() == 1.0
    assert not seen(20, 0).serves(1.0)


def test_enough_good_hits_prove_it_for_their_level_and_above():
    evidence = seen(80, 0)
    assert evidence.threshold == LEVELS[0] or evidence.threshold in LEVELS
    assert evidence.serves(1.0)
    assert 0.03 < evidence.bound() < 0.05


def test_hits_of_one_level_prove_nothing_for_a_lower_one_without_any_there():
    """A level counts all hits at or above it: what is proven holds for the mix that callers ask."""
    evidence = seen(200, 0, score=0.96)
    assert evidence.threshold is None, "the strictest level has seen nothing, and they are proven in order"


def test_wrong_ones_end_it():
    evidence = seen(100, 0)
    assert evidence.serves(1.0)
    for _ in range(6):
        evidence.saw(1.0, good=False, chosen=True)
    assert not evidence.serves(1.0)


def test_once_it_serves_only_those_count_that_are_asked_whatever_is_served():
    evidence = seen(100, 0)
    before = [list(count) for count in evidence.counts]
    evidence.saw(0.85, good=False, chosen=False)
    assert evidence.counts == before
    evidence.saw(0.85, good=False, chosen=True)
    assert evidence.counts != before


def test_what_is_long_ago_weighs_little():
    evidence = seen(COUNTED_MAX + 1, 0)
    assert evidence.counts[0] == [(COUNTED_MAX + 1) / 2, 0]
    wrong = 0
    while evidence.serves(1.0):
        evidence.saw(1.0, good=False, chosen=True)
        wrong += 1
    assert wrong < 0.05 * COUNTED_MAX


@pytest.mark.parametrize("allowed", [0.02, 0.05, 0.1])
def test_it_hardly_ever_serves_what_is_wrong_too_often(allowed):
    """However long one looks: 400 tenants whose hits are wrong exactly as often as is just not allowed."""
    chosen, fooled = random.Random(11), 0
    for _ in range(400):
        evidence = Evidence(allowed)
        for _ in range(400):
            evidence.saw(1.0, good=chosen.random() >= allowed, chosen=True)
            if evidence.threshold is not None:
                fooled += 1
                break
    assert fooled / 400 <= DOUBT + 0.02, "two standard deviations of what 400 tenants tell"


def test_what_is_seldom_wrong_is_served_soon():
    chosen, served = random.Random(5), 0
    for _ in range(100):
        evidence = Evidence(0.05)
        for _ in range(300):
            evidence.saw(1.0, good=chosen.random() >= 0.01, chosen=True)
        served += evidence.threshold is not None
    assert served > 80


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.001, 0.9))
def test_more_wrong_ones_never_prove_more(right, wrong, rate):
    if ruled_out(right + wrong + 1, wrong + 1, rate):
        assert ruled_out(right + wrong + 1, wrong, rate)
    assert not ruled_out(0, 0, rate)


@given(st.integers(1, 400), st.integers(0, 20))
def test_the_bound_is_what_is_just_not_ruled_out(hits, wrong):
    wrong = min(wrong, hits)
    evidence = Evidence(0.05)
    evidence.counts[0] = [hits, wrong]
    bound = evidence.bound()
    assert wrong / hits <= bound <= 1
    assert bound > 0.9999 or ruled_out(hits, wrong, min(1.0, bound + 1e-6))


def test_a_test_of_all_levels_is_one_test():
    """What fails at a strict level is not tried at a looser one, however good that looks."""
    evidence = Evidence(0.05)
    for _ in range(30):
        evidence.saw(1.0, good=True, chosen=True)
    for _ in range(300):
        evidence.saw(0.85, good=True, chosen=True)
    assert module.ruled_out(*evidence.counts[5], 0.05)
    assert evidence.threshold is None
