"""What a process calls itself, also when a power cut has left files empty."""

from types import SimpleNamespace

import pytest

from gateway.assembly.home import lost, next_life, replica_name
from gateway.core.errors import Unavailable
from gateway.stores.base import TURN_BITS


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


@pytest.fixture
def books(settings):
    """A home in which a gateway has run."""
    settings.ledger, settings.state = settings.home / "ledger.db", settings.home / "state.db"
    settings.ledger_url = settings.shared = None
    next_life(settings, None)
    for path in (settings.ledger, settings.state):
        path.write_bytes(b"SQLite")
    return settings


def test_what_a_home_has_lost_is_told(books):
    """Else limits begin anew, and a first start prints keys, without anybody knowing why."""
    assert list(lost(books)) == []
    books.ledger.unlink()
    books.state.unlink()
    ledger, state = lost(books)
    assert ledger.startswith(f"{books.ledger} is not there")
    assert state.startswith(f"{books.state} is not there")


@pytest.mark.parametrize("name", ["ledger", "state"])
def test_a_file_that_was_emptied_is_damage(books, name):
    getattr(books, name).write_bytes(b"")
    with pytest.raises(Unavailable, match=f"{name}.db is empty: put it back from a backup"):
        list(lost(books))


def test_books_elsewhere_are_not_missed(books):
    books.ledger.unlink()
    books.state.unlink()
    books.ledger_url, books.shared = "postgresql://h/d", "redis://h"
    assert list(lost(books)) == []


def test_a_new_home_misses_nothing(settings):
    assert list(lost(settings)) == []
