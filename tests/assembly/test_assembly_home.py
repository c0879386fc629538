"""What a process calls itself, also when a power cut has left files empty."""

import time
from types import SimpleNamespace

import pytest

from gateway.assembly.home import next_life, replica_name


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
    assert next_life(settings, None) >= int(time.time()) - 1
    first = int((settings.home / "lives").read_text())
    assert next_life(settings, None) == first + 1
