"""What two looks at an engine tell together, and what becomes of it by what was seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fleet.backend import Backend, Load, Speed, State
from gateway.fleet.engines.said import NOTHING, Said, Times
from gateway.fleet.progress import grown, load_of, speed_of
from gateway.fleet.watch import SILENT_MAX, Sight, next_state


def test_the_work_now_and_how_fast_it_went():
    before = Said(prompt_tokens=100.0, generated_tokens=50.0, hits=10.0, looked_up=100.0, first_token=Times(2.0, 1.0))
    said = Said(
        running=3.0,
        waiting=1.0,
        cache_used=0.5,
        prompt_tokens=1100.0,
        generated_tokens=250.0,
        hits=310.0,
        looked_up=700.0,
        first_token=Times(6.0, 3.0),
        request=Times(4.0, 8.0),
    )
    assert load_of(said, before, Load(), 7.0) == Load(7.0, 3, 1, 0.5, 0.5, 1100, 250)
    assert speed_of(said, before, Speed(request_s=9.0), 2.0) == Speed(500.0, 100.0, 0.5, 9.0)


def test_one_that_did_nothing_is_as_fast_as_it_was():
    said, speed = Said(prompt_tokens=100.0, hits=1.0, looked_up=2.0, first_token=Times(2.0, 1.0)), Speed(9.0, 8.0, 7.0)
    assert speed_of(said, said, speed, 1.0) == speed
    assert load_of(said, said, Load(hit_rate=0.3), 1.0).hit_rate == 0.3


def test_one_that_says_nothing():
    assert load_of(NOTHING, NOTHING, Load(), 1.0) == Load(at=1.0)
    assert speed_of(NOTHING, NOTHING, Speed(), 1.0) == Speed()


def test_one_that_says_its_hit_rate_itself():
    assert load_of(Said(hit_rate=0.25), NOTHING, Load(hit_rate=0.9), 1.0).hit_rate == 0.25


def test_one_that_was_started_anew():
    before, said = (
        Said(prompt_tokens=900.0, request=Times(9.0, 9.0)),
        Said(prompt_tokens=100.0, request=Times(1.0, 3.0)),
    )
    assert speed_of(said, before, Speed(), 2.0) == Speed(prompt=50.0, request_s=3.0)


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=50))
def test_what_grew_is_all_that_was_counted_whatever_was_started_anew(steps):
    """Of a counter that restarts, all is seen but what it counted between the last look and its end."""
    counter, seen, counted, before = 0.0, 0.0, 0.0, 0.0
    for amount, restarts in steps:
        if restarts:
            counter = 0.0
        counter, counted = counter + amount, counted + amount
        seen += grown(before, counter)
        before = counter
    assert seen <= counted
    if not any(restarts for _, restarts in steps):
        assert seen == counted


GOOD = Sight(answers=True)
LOADING = Sight(answers=True, loading=True, why="its health page says 503")
WRONG = Sight(answers=True, why="its list of models says 401")
REFUSED = Sight(answers=False, refused=True, why="no")
SILENT = Sight(answers=False, why="no answer")

STATES = [
    (State.STARTING, GOOD, 0, State.READY),
    (State.STARTING, LOADING, 0, State.WARMING),
    (State.STARTING, REFUSED, 1, State.DOWN),
    (State.STARTING, SILENT, SILENT_MAX - 1, State.STARTING),
    (State.STARTING, SILENT, SILENT_MAX, State.DOWN),
    (State.STARTING, WRONG, 0, State.DOWN),
    (State.WARMING, GOOD, 0, State.READY),
    (State.WARMING, LOADING, 0, State.WARMING),
    (State.WARMING, REFUSED, 1, State.DOWN),
    (State.READY, GOOD, 0, State.READY),
    (State.READY, LOADING, 0, State.DOWN),
    (State.READY, WRONG, 0, State.DOWN),
    (State.READY, REFUSED, 1, State.DOWN),
    (State.READY, SILENT, SILENT_MAX - 1, State.READY),
    (State.READY, SILENT, SILENT_MAX, State.DOWN),
    (State.DOWN, SILENT, 1, State.DOWN),
    (State.DOWN, LOADING, 0, State.DOWN),
    (State.DOWN, GOOD, 0, State.READY),
]


@pytest.mark.parametrize(("seen", "sight", "silent", "then"), STATES)
def test_what_becomes_of_an_engine(seen, sight, silent, then):
    assert next_state(seen, sight, silent) is then


@pytest.mark.parametrize(
    ("load", "now"),
    [
        (Load(running=0, waiting=0), 0.0),
        (Load(running=0), 0.0),
        (Load(running=1, waiting=0), 70.0),
        (Load(running=0, waiting=2), 70.0),
        (Load(), 70.0),  # It does not say.
    ],
)
def test_an_idle_engine_writes_nothing(load, now):
    backend = Backend("local", "a:8000", "http://a", load=load, speed=Speed(prompt=500.0, generated=70.0))
    assert backend.speed_now.generated == now
    assert backend.speed.generated == 70.0
