"""What a process calls itself, also when a power cut has left files empty."""

from types import SimpleNamespace

import pytest

from gateway.assembly.home import next_life, replica_name
from gateway.limits.leases import TURN_BITS


@pytest.fixture
def settings(tmp_path):
    return SimpleNamespace(home=tmp_path / "home")


def test_a_name_stays(settings):
    name = replica_name(settings, None)
    assert len(name) == 12
    assert replica_name(settings, None) == name
    assert replica_name(settings, 2) == f"{name}.2"


def test_an_empty_name_is_none(settings):
    replica_name(settings, None)
    (settings.home / "replica").write_text("")
    name = replica_name(settings, None)
    assert len(name) == 12
    assert replica_name(settings, None) == name


@pytest.mark.parametrize("worker", [None, 1])
def test_lives_are_counted(settings, worker):
    assert [next_life(settings, worker) for _ in range(3)] == [0, 1, 2]


def test_a_count_that_was_lost_does_not_begin_anew(settings):
    next_life(settings, None)
    (settings.home / "lives").write_text("")
    first = next_life(settings, None)
    assert first > 50_000, "more than any home has had"
    assert (first + 10_000) << TURN_BITS < 1 << 53, "a Lua number holds the words of many more"
    assert next_life(settings, None) == first + 1
