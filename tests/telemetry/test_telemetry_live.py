"""Live events reach whoever may see them, and a slow watcher loses the oldest, never the gateway's time."""

import pytest

from gateway.telemetry import live as live_module
from gateway.telemetry.live import QUEUE_MAX, WATCHERS_MAX, Live, TooManyWatchers


def drain(queue):
    return [queue.get_nowait() for _ in range(queue.qsize())]


def test_a_watcher_of_all_sees_all_and_one_of_a_key_sees_its_own():
    live = Live()
    with live.watch(None) as everything, live.watch("a") as own:
        live.publish("a", b"1")
        live.publish("b", b"2")
        assert (drain(everything), drain(own)) == ([b"1", b"2"], [b"1"])


def test_a_slow_watcher_keeps_the_newest():
    live = Live()
    with live.watch(None) as slow:
        for n in range(QUEUE_MAX + 5):
            live.publish("k", b"%d" % n)
        kept = drain(slow)
    assert len(kept) == QUEUE_MAX
    assert (kept[0], kept[-1]) == (b"5", b"%d" % (QUEUE_MAX + 4))


def test_nothing_is_made_while_nobody_watches_and_nothing_is_sent_to_who_left():
    live = Live()
    assert not live.watched
    with live.watch(None) as queue:
        assert live.watched
    assert not live.watched
    live.publish("k", b"late")
    assert queue.empty()


def test_a_watcher_that_ends_in_an_error_is_forgotten_too():
    live = Live()
    with pytest.raises(ConnectionError), live.watch(None):
        raise ConnectionError
    assert not live.watched


def test_no_more_may_watch_than_there_are_places(monkeypatch):
    monkeypatch.setattr(live_module, "WATCHERS_MAX", 1)
    live = Live()
    with live.watch(None):
        with pytest.raises(TooManyWatchers), live.watch(None):
            pass
        assert live.watched
    with live.watch(None):
        pass
    assert WATCHERS_MAX > 1
