"""What is on its way: told once over restarts, tried again with growing waits, given up in the end."""

import sqlite3
import threading
from contextlib import closing, suppress

import pytest

from gateway.alerts.outbox import ATTEMPTS_MAX, FIRST_WAIT_S, KEPT_S, WAIT_S_MAX, Outbox, history
from gateway.core.alert import Alert, AlertKind


def alert(name, at=0.0):
    return Alert(name, AlertKind.TEST, at, f"sentence of {name}", {"a": "b"})


@pytest.fixture
def outbox(tmp_path):
    with closing(Outbox(tmp_path / "alerts.db")) as found:
        yield found


def test_the_same_thing_is_told_once_to_each_also_after_a_restart(tmp_path, outbox):
    outbox.put([(alert("x"), "one"), (alert("x"), "two"), (alert("x"), "one")], 5.0)
    assert [len(outbox.due(target, 5.0, 9)) for target in ("one", "two", "three")] == [1, 1, 0]
    outbox.arrived("one", [alert("x")], 6.0)
    with closing(Outbox(tmp_path / "alerts.db")) as again:
        again.put([(alert("x"), "one")], 7.0)
        assert again.due("one", 100.0, 9) == []
        assert again.due("two", 100.0, 9) == [alert("x")]


def test_the_oldest_comes_first_and_no_more_than_asked_for(outbox):
    outbox.put([(alert("new", 2.0), "one"), (alert("old", 1.0), "one"), (alert("newer", 3.0), "one")], 5.0)
    assert [one.id for one in outbox.due("one", 5.0, 2)] == ["old", "new"]


def test_waits_double_up_to_a_limit_and_end(outbox):
    outbox.put([(alert("x"), "one")], 0.0)
    now, waits = 0.0, []
    while outbox.due("one", now, 1):
        outbox.failed("one", [alert("x")], now, "no")
        (one,) = outbox.history(9)
        assert (one.problem, one.delivered) == ("no", None)
        if one.due is None:
            break
        assert outbox.due("one", one.due - 0.001, 1) == []
        waits.append(one.due - now)
        now = one.due
    assert waits[:4] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S, 8 * FIRST_WAIT_S]
    assert max(waits) == waits[-1] == WAIT_S_MAX
    assert len(waits) == ATTEMPTS_MAX - 1
    assert sum(waits) > 23 * 3600


def test_what_is_over_for_long_is_forgotten_and_what_waits_is_not(tmp_path, outbox):
    outbox.put([(alert("told"), "one"), (alert("waits"), "one")], 0.0)
    outbox.arrived("one", [alert("told")], 1.0)
    outbox.sweep(KEPT_S + 1)
    assert [one.alert.id for one in history(tmp_path / "alerts.db", 9)] == ["waits"]


def test_without_a_file_nothing_was_told(tmp_path):
    assert history(tmp_path / "alerts.db", 9) == []


def test_nobody_else_may_read_it(tmp_path, outbox):
    assert (tmp_path / "alerts.db").stat().st_mode & 0o777 == 0o600


def test_it_is_closed_only_once_nobody_looks(tmp_path):
    """A gateway that stops, while a thread is still at it."""
    for _ in range(20):
        outbox = Outbox(tmp_path / "alerts.db")

        def look(outbox=outbox):
            with suppress(sqlite3.ProgrammingError):  # It is closed.
                while True:
                    outbox.due("t", 1.0, 100)

        thread = threading.Thread(target=look)
        thread.start()
        outbox.close()
        thread.join()
