"""Calls with a deadline outlive the process that took them: nothing is lost, and nothing is asked twice in silence."""

import sqlite3
import stat
from contextlib import closing
from decimal import Decimal

import pytest
from batch_provider import batch_provider
from later import CONFIG, later_road
from road import eventually


@pytest.fixture(scope="module")
def provider():
    with batch_provider() as found:
        yield found
        found.answers.set()


def again(way):
    """Killed, and started."""
    way.gate.kill()
    way.gate.start()


def the_batch(provider, before):
    eventually(lambda: set(provider.batches) - before, 60)
    (name,) = set(provider.batches) - before
    return name


def test_what_was_taken_is_answered_after_a_kill(tmp_path, provider):
    slowly = CONFIG.replace("collect: 500ms", "collect: 2s")
    with later_road(tmp_path, provider, slowly) as way:
        before, key = set(provider.batches), way.key()
        names = [way.later(key=key) for _ in range(3)]
        file = way.gate.home / "deferred.db"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        for part in way.gate.home.glob("deferred.db*"):
            assert key.encode() not in part.read_bytes(), "no key is on disk"
        again(way)
        provider.end(the_batch(provider, before))
        for name in names:
            assert way.over(name, key)["status"] == "done"
        with closing(sqlite3.connect(file)) as database:
            bodies = database.execute("SELECT sum(length(body)) FROM calls").fetchone()
        assert bodies == (0,), "what was asked is gone once it is answered"


def test_a_batch_is_settled_once_by_the_process_after(tmp_path, provider):
    with later_road(tmp_path, provider) as way:
        before, key = set(provider.batches), way.key()
        name = way.later(key=key)
        batch = the_batch(provider, before)
        eventually(lambda: len(way.lines(name)) == 1)
        again(way)
        assert way.told(name, key)["status"] == "running"
        provider.end(batch)
        document = way.over(name, key)
        assert (document["status"], document["way"]) == ("done", "batch")
        again(way)
        assert way.told(name, key)["status"] == "done"
        lines = way.lines(name)
        assert [line["outcome"] for line in lines] in (["pending", "adjusted"], ["unresolved", "adjusted"])
        assert Decimal(way.told(name, key)["cost_usd"]) == Decimal(document["headers"]["x-fareway-cost-usd"])
        assert len(set(provider.batches) - before) == 1


def test_a_call_that_was_under_way_is_asked_once_more_and_the_books_have_both(tmp_path, provider):
    with later_road(tmp_path, provider) as way:
        key, begun = way.key(), len(provider.calls)
        provider.answers.clear()
        name = way.later("plain", key=key)
        eventually(lambda: len(provider.calls) == begun + 1)
        again(way)
        eventually(lambda: len(provider.calls) == begun + 2)
        provider.answers.set()
        assert way.over(name, key)["status"] == "done"
        eventually(lambda: len(way.lines(name)) == 2)
        assert [line["outcome"] for line in way.lines(name)] == ["unresolved", "ok"]
        assert way.told(name, key)["requests"] == [f"{name}-1", f"{name}-2"]


def test_a_call_that_dies_twice_has_failed(tmp_path, provider):
    with later_road(tmp_path, provider) as way:
        key = way.key()
        provider.answers.clear()
        name, begun = way.later("plain", key=key), len(provider.calls)
        for number in (1, 2):
            eventually(lambda number=number: len(provider.calls) >= begun + number)
            again(way)
        document = way.over(name, key)
        provider.answers.set()
        assert (document["status"], document["status_code"]) == ("failed", 500)
        assert "broke down twice" in document["error"]["error"]["message"]


def test_any_worker_takes_and_tells_and_one_asks(tmp_path, provider):
    with later_road(tmp_path, provider, CONFIG, "--workers", "2") as way:
        before, key = set(provider.batches), way.key()
        names = [way.later(key=key) for _ in range(8)]
        provider.end(the_batch(provider, before))
        for name in names:
            assert way.over(name, key)["status"] == "done"
        assert len(set(provider.batches) - before) == 1
        for name in names:
            eventually(lambda name=name: len(way.lines(name)) == 2)


def test_a_disk_that_is_full_refuses_and_keeps_what_there_is(tmp_path, provider):
    with later_road(tmp_path, provider) as way:
        key = way.key()
        name = way.later("flexible", key=key)
        way.over(name, key)
        with closing(sqlite3.connect(way.gate.home / "deferred.db", isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")  # As good as full: nothing can be written.
            body = {"model": "mini", "messages": [{"role": "user", "content": "Hello"}]}
            status, _, told = way.ask("POST", "/v1/chat/completions", body, key, x_fareway_deadline="2h")
            assert (status, told["error"]["message"]) == (503, "Calls for later cannot be kept now.")
            assert way.ask("POST", "/v1/chat/completions", body, key)[0] == 200, "others go on"
            database.execute("ROLLBACK")
        assert way.told(name, key)["status"] == "done"
