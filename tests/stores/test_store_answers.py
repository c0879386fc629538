"""Kept answers: found by their name alone, for as long as they are good, within a size, over a restart; and a store
that hangs keeps nobody waiting."""

import asyncio
import stat
import threading
import time

import pytest
from stores.redis_server import RedisServer

from gateway.core.clearing import Clearing, Label
from gateway.core.errors import Unavailable
from gateway.stores import sqlite_answers
from gateway.stores.redis_answers import RedisAnswers
from gateway.stores.sqlite_answers import SqliteAnswers

LABEL = Label("k", "t", "fast", "gpt", at=10.0)
LONG = time.time() + 10_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = RedisServer(tmp_path_factory.mktemp("answers") / "redis").start()
    yield running
    running.kill()


@pytest.fixture(params=["sqlite", "redis"])
async def make(request, tmp_path, monkeypatch):
    """Another process's view of one store, at its time."""
    monkeypatch.setattr(sqlite_answers, "WAIT_S", 20)
    monkeypatch.setattr(sqlite_answers, "PATIENCE_S", 20)
    found = []
    if request.param == "redis":
        request.getfixturevalue("server").say("FLUSHALL")

    def made(bytes_max=1000, clock=time.time):
        if request.param == "sqlite":
            found.append(SqliteAnswers(tmp_path / "answers.db", bytes_max, clock))
        else:
            found.append(RedisAnswers(request.getfixturevalue("server").patient_url, bytes_max, clock))
        return found[-1]

    yield made
    for store in found:
        await store.close()


async def test_what_one_keeps_another_finds(make):
    one, other = make(), make()
    await one.keep(b"q", b"record", LABEL, LONG)
    assert await other.find(b"q") == b"record"
    assert await other.find(b"r") is None
    await other.keep(b"q", b"newer", LABEL, LONG)
    assert await one.find(b"q") == b"newer"


async def test_it_survives_whoever_kept_it(make):
    one = make()
    await one.keep(b"q", b"record", LABEL, LONG)
    await one.close()
    assert await make().find(b"q") == b"record"


async def test_an_answer_that_has_ended_is_not_found(make):
    store = make()
    await store.keep(b"past", b"x", LABEL, time.time() - 1)
    assert await store.find(b"past") is None
    await store.keep(b"soon", b"x", LABEL, time.time() + 0.2)
    while await store.find(b"soon") is not None:  # noqa: ASYNC110 - the clock is the server's
        await asyncio.sleep(0.02)
    assert await store.find(b"soon") is None


async def test_those_that_end_soonest_go_first(make):
    store = make(bytes_max=30)
    for name, until in ((b"b", LONG + 2), (b"a", LONG + 1), (b"c", LONG + 3), (b"d", LONG + 4)):
        await store.keep(name, b"x" * 10, LABEL, until)
    assert [name for name in (b"a", b"b", b"c", b"d") if await store.find(name)] == [b"b", b"c", b"d"]
    await store.keep(b"d", b"x" * 20, LABEL, LONG + 4)
    assert [name for name in (b"a", b"b", b"c", b"d") if await store.find(name)] == [b"c", b"d"]


async def test_one_that_is_larger_than_all_may_be_is_not_kept(make):
    store = make(bytes_max=30)
    await store.keep(b"a", b"x", LABEL, LONG)
    await store.keep(b"b", b"x" * 31, LABEL, LONG)
    assert await store.find(b"a")
    assert await store.find(b"b") is None


async def test_those_that_have_ended_make_room(make):
    now = [time.time()]
    store = make(bytes_max=30, clock=lambda: now[0])
    for number in range(3):
        await store.keep(b"%d" % number, b"x" * 10, LABEL, now[0] + 50 + number)
    now[0] += 100
    for number in range(3, 6):
        await store.keep(b"%d" % number, b"x" * 10, LABEL, LONG)
    assert [number for number in range(6) if await store.find(b"%d" % number)] == [3, 4, 5]


@pytest.mark.parametrize(
    ("clearing", "left"),
    [
        (Clearing(100.0), []),
        (Clearing(10.0), [b"a", b"b", b"c"]),
        (Clearing(100.0, team="t"), [b"c"]),
        (Clearing(100.0, key="k"), [b"b", b"c"]),
        (Clearing(100.0, model="gpt"), [b"b", b"c"]),
        (Clearing(100.0, key="k", model="other"), [b"a", b"b", b"c"]),
    ],
)
async def test_clearing_deletes_what_it_covers_and_tells_how_many(make, clearing, left):
    store = make()
    labels = {b"a": LABEL, b"b": Label("k2", "t", "slow", "m", 10.0), b"c": Label("k3", "t2", "slow", "m", 10.0)}
    for name, label in labels.items():
        await store.keep(name, b"x" * 10, label, LONG)
    assert await store.clear(clearing) == 3 - len(left)
    assert [name for name in labels if await store.find(name)] == left
    assert await store.clear(clearing) == 0


async def test_what_was_cleared_takes_no_room(make):
    store = make(bytes_max=30)
    for name in (b"a", b"b", b"c"):
        await store.keep(name, b"x" * 10, LABEL, LONG)
    await store.clear(Clearing(100.0))
    for name in (b"d", b"e", b"f"):
        await store.keep(name, b"x" * 10, LABEL, LONG)
    assert [name for name in (b"d", b"e", b"f") if await store.find(name)] == [b"d", b"e", b"f"]


async def test_many_are_cleared_in_turns(make):
    store = make(bytes_max=1 << 20)
    for number in range(450):
        await store.keep(number.to_bytes(4, "big"), b"x", LABEL, LONG)
    assert await store.clear(Clearing(100.0)) == 450


async def test_more_than_one_script_should_drop_makes_room_in_turns(server):
    """While a script runs the server does nothing else, and limits may be kept there, too."""
    server.say("FLUSHALL")
    large, small = RedisAnswers(server.patient_url, 1 << 20), RedisAnswers(server.patient_url, 30)
    for number in range(450):
        await large.keep(b"%d" % number, b"x", LABEL, LONG + number)
    await small.keep(b"new", b"x" * 10, LABEL, LONG + 1000)
    assert small._link.calls == {"answers": 3}, "430 of them"
    assert [number for number in range(450) if await large.find(b"%d" % number)] == [*range(430, 450)]
    assert await large.find(b"new") == b"x" * 10
    await large.close()
    await small.close()


async def test_the_file_is_its_owner_s_alone_and_forgets_for_good(tmp_path):
    path = tmp_path / "home" / "answers.db"
    store = SqliteAnswers(path, 1 << 20)
    await store.keep(b"q", b"a secret answer" * 100, LABEL, LONG)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    await store.clear(Clearing(100.0))
    await store.close()
    assert not any(b"a secret answer" in file.read_bytes() for file in path.parent.iterdir())


async def test_a_disk_that_hangs_keeps_calls_waiting_a_moment_and_then_not_at_all(tmp_path):
    """The thread hangs, and no more than a few calls find out; those after them do not even ask."""
    store = SqliteAnswers(tmp_path / "answers.db", 1 << 20)
    hangs = threading.Event()
    store._thread.submit(hangs.wait)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await store.find(b"q")
    assert store._breaker.down
    with pytest.raises(Unavailable):
        await store.find(b"q")
    hangs.set()
    await store.close()


async def test_a_slow_disk_does_not_gather_answers_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_answers, "WAITING_MAX", 2)
    store = SqliteAnswers(tmp_path / "answers.db", 1 << 20)
    hangs = threading.Event()
    store._thread.submit(hangs.wait)
    told = await asyncio.gather(*(store.find(b"q") for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in told)
    assert store._waiting == 2
    hangs.set()
    await store.close()


async def test_a_frozen_redis_is_a_miss(server):
    store = RedisAnswers(server.url, 1000)
    server.freeze()
    try:
        for _ in range(4):
            with pytest.raises(Unavailable):
                await store.find(b"q")
    finally:
        server.thaw()
        await store.close()
