"""Our clock, set right by the store's."""

import logging
import random

import pytest

from gateway.stores.clock import StoreClock


class World:
    """True time, a machine whose clock is off by `error` seconds, and a steady clock that gains `drift` a second."""

    def __init__(self, error, drift=0.0):
        self.now, self.error, self.drift, self.up = 1_800_000_000.0, error, drift, 77.0
        self.clock = StoreClock(lambda: self.now + self.error, lambda: self.up)

    def passes(self, seconds):
        self.now += seconds
        self.up += seconds * (1 + self.drift)

    def sync(self, there, back):
        asked = self.up
        self.passes(there)
        theirs = self.now
        self.passes(back)
        self.clock.learn(asked, theirs, self.up)

    @property
    def wrong(self):
        return self.clock() - self.now


def test_before_anything_is_known_it_is_our_own():
    assert World(7).wrong == 7


@pytest.mark.parametrize("error", [0, 5, -5, 3 * 3600, -3 * 3600])
def test_the_first_answer_sets_it_right_to_half_the_time_that_it_took(error):
    world = World(error)
    world.sync(0.010, 0.030)
    assert abs(world.wrong) <= 0.0101


@pytest.mark.parametrize("seed", range(5))
def test_it_is_never_further_off_than_the_best_answer_of_late_and_drifts_with_nobody(seed):
    chance, world = random.Random(seed), World(100, drift=0.0001)
    for _ in range(2000):
        there, back = chance.expovariate(1000), chance.expovariate(1000)
        world.sync(there, back)
        assert abs(world.wrong) <= there + back + 0.0001
        world.passes(0.2)


def test_slow_answers_do_not_move_what_fast_ones_told():
    world = World(100)
    world.sync(0.0001, 0.0001)
    before = world.wrong
    world.sync(0.5, 0.001)
    world.sync(0.001, 0.5)
    assert world.wrong == pytest.approx(before, abs=1e-5)


@pytest.mark.parametrize("step", [300, -3600])
def test_a_machine_whose_clock_is_set_moves_nothing(step):
    world = World(0)
    world.sync(0.001, 0.001)
    world.error = step
    assert abs(world.wrong) <= 0.001, "not even before the store is asked again"
    world.sync(0.001, 0.001)
    assert abs(world.wrong) <= 0.001
    assert abs(world.clock.offset_s + step) <= 0.001


def test_a_clock_that_is_far_off_is_told_once_and_once_more_when_it_is_right(caplog):
    caplog.set_level(logging.INFO, "fareway")
    world = World(-7200)
    for _ in range(3):
        world.sync(0.001, 0.001)
    world.error = 0
    for _ in range(3):
        world.sync(0.001, 0.001)
    assert [record.getMessage() for record in caplog.records] == [
        "this machine's clock is off by -7200.0 s: windows go by the store's clock",
        "this machine's clock is right again",
    ]
