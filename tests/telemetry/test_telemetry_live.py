"""Live events reach whoever may see them, and a slow watcher loses the oldest, never the gateway's time."""

from contextlib import ExitStack

import pytest

from gateway.telemetry import live as live_module
from gateway.telemetry.live import QUEUE_MAX, WATCHERS_MAX, WATCHERS_OF_A_KEY_MAX, Live, TooManyWatchers


def drain(queue):
    return [queue.get_nowait() for _ in range(queue.qsize())]


def test_a_watcher_of_all_sees_all_and_one_of_a_key_sees_its_own():
    live = Live()
    with live.watch("a", everything=True) as everything, live.watch("a", everything=False) as own:
        live.publish("a", b"1")
        live.publish("b", b"2")
        assert (drain(everything), drain(own)) == ([b"1", b"2"], [b"1"])


def test_every_watcher_is_told_when_no_more_comes():
    """After what it has not read yet; also one whose queue is full."""
    live = Live()
    with (
        live.watch("a", everything=False) as own,
        live.watch("b", everything=True) as full,
        live.watch("c", everything=False) as idle,
    ):
        for n in range(QUEUE_MAX):
            live.publish("b", b"%d" % n)
        live.publish("a", b"last")
        live.close()
        assert drain(own) == [b"last", None]
        assert drain(idle) == [None]
        kept = drain(full)
        assert len(kept) == QUEUE_MAX
        assert kept[-2:] == [b"last", None]
    live.close()


def test_a_slow_watcher_keeps_the_newest():
    live = Live()
    with live.watch("admin", everything=True) as slow:
        for n in range(QUEUE_MAX + 5):
            live.publish("k", b"%d" % n)
        kept = drain(slow)
    assert len(kept) == QUEUE_MAX
    assert (kept[0], kept[-1]) == (b"5", b"%d" % (QUEUE_MAX + 4))


def test_nothing_is_made_while_nobody_watches_and_nothing_is_sent_to_who_left():
    live = Live()
    assert not live.watched
    with live.watch("admin", everything=True) as queue:
        assert live.watched
    assert not live.watched
    live.publish("k", b"late")
    assert queue.empty()


def test_a_watcher_that_ends_in_an_error_is_forgotten_too():
    live = Live()
    for _ in range(WATCHERS_OF_A_KEY_MAX + 1):
        with pytest.raises(ConnectionError), live.watch("k", everything=True):
            raise ConnectionError
        assert not live.watched


def test_no_more_may_watch_than_there_are_places(monkeypatch):
    monkeypatch.setattr(live_module, "WATCHERS_MAX", 1)
    live = Live()
    with live.watch("a", everything=True):
        with pytest.raises(TooManyWatchers), live.watch("b", everything=True):
            pass
        assert live.watched
    with live.watch("b", everything=True):
        pass
    assert WATCHERS_MAX > WATCHERS_OF_A_KEY_MAX > 1


@pytest.mark.parametrize("everything", [True, False])
def test_one_key_cannot_take_all_places(everything):
    live = Live()
    with ExitStack() as stack:
        for n in range(WATCHERS_OF_A_KEY_MAX):
            stack.enter_context(live.watch("greedy", everything=n % 2 == 0))
        with pytest.raises(TooManyWatchers), live.watch("greedy", everything=everything):
            pass
        with live.watch("modest", everything=everything) as queue:
            live.publish("modest", b"1")
            assert drain(queue) == [b"1"]
    with live.watch("greedy", everything=everything):
        pass


def test_who_comes_after_the_end_is_told_so():
    live = Live()
    live.close()
    with live.watch("k", everything=True) as queue:
        assert drain(queue) == [None]
