"""One suite over every store of leases: together they never grant more than the limit."""

import sqlite3
import time
from contextlib import closing
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_store import MemoryStore
from stores.redis_server import RedisServer

from gateway.core.errors import Unavailable
from gateway.core.threshold import Passed
from gateway.stores import redis_leases
from gateway.stores.base import TURN_BITS, Ask, Standing, Word, grant
from gateway.stores.redis_leases import RedisStore
from gateway.stores.sqlite import SqliteStore

replicas = st.sampled_from(["a", "b", "c"])
numbers = st.integers(0, 120)


@settings(max_examples=300)
@given(st.lists(st.tuples(replicas, numbers, numbers), max_size=25), st.integers(0, 100))
def test_replicas_that_spend_only_what_they_lease_never_pass_the_limit(steps, limit):
    """Whatever they want: the sum of leases stays within the limit, and nothing spent is ever taken back."""
    record = {}
    for name, spend, want in steps:
        before = record.get(name, Standing())
        spent = min(before.spent + spend, before.leased)
        now = record[name] = grant(record, name, Ask("r", limit, spent, want))
        assert sum(s.leased for s in record.values()) <= limit
        assert now.spent == spent <= now.leased
        assert now.leased <= max(want, spent)


@settings(max_examples=300)
@given(st.lists(st.tuples(replicas, numbers, numbers, numbers), max_size=25))
def test_whatever_is_said_nothing_spent_shrinks_and_all_of_it_stays_leased(steps):
    """Also with limits that change, costs above the lease, and reports that come late."""
    record = {}
    for name, spent, want, limit in steps:
        before = record.get(name, Standing())
        others = sum(s.leased for n, s in record.items() if n != name)
        now = record[name] = grant(record, name, Ask("r", limit, spent, want))
        assert now.spent == max(spent, before.spent)
        assert now.leased >= now.spent
        assert now.leased == now.spent or now.leased + others <= limit


@given(numbers, numbers, numbers, numbers)
def test_what_is_spent_shrinks_by_what_was_corrected_and_never_below_what_is_said(had, spent, back, want):
    record = {"a": grant({}, "a", Ask("r", 100, had, had))}
    now = grant(record, "a", Ask("r", 100, spent, want, back=back))
    assert now.spent == max(spent, had - back) <= now.leased
    assert grant({"a": now}, "a", Ask("r", 100, spent, want)).spent == now.spent


@given(
    st.dictionaries(replicas, st.builds(Standing, numbers, numbers)),
    replicas,
    st.builds(Ask, st.just("r"), numbers, numbers, numbers),
)
def test_asking_twice_is_asking_once(record, name, ask):
    once = grant(record, name, ask)
    assert grant({**record, name: once}, name, ask) == once


@given(
    st.dictionaries(replicas, st.builds(Standing, numbers, numbers)),
    st.builds(Ask, st.just("r"), numbers, numbers, numbers),
)
def test_what_others_have_is_not_touched(record, ask):
    before = dict(record)
    grant(record, "a", ask)
    assert record == before


def test_wanting_less_gives_the_difference_to_others():
    record = {"a": grant({}, "a", Ask("r", 100, 0, 100))}
    assert grant(record, "b", Ask("r", 100, 0, 50)).leased == 0
    record["a"] = grant(record, "a", Ask("r", 100, 30, 30))
    assert grant(record, "b", Ask("r", 100, 0, 90)).leased == 70


def test_a_call_that_cost_more_than_was_leased_leaves_others_less():
    record = {"a": grant({}, "a", Ask("r", 100, 130, 100))}
    assert record["a"] == Standing(130, 130)
    assert grant(record, "b", Ask("r", 100, 0, 10)).leased == 0


async def has(store, replica, asks):
    """What this replica has then, without what the others have."""
    return [Standing(word.leased, word.spent) for word in await store.exchange(replica, asks)]


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "deep" / "state.db")
    yield made
    if request.param == "sqlite":
        made.close()


async def test_a_store_grants_by_the_rule_and_remembers(store):
    assert await has(store, "a", [Ask("x", 100, 0, 60)]) == [Standing(60, 0)]
    assert await has(store, "a", [Ask("x", 100, 10, 160)]) == [Standing(100, 10)]
    assert await has(store, "a", [Ask("x", 100, 10, 20)]) == [Standing(20, 10)]
    assert await has(store, "a", [Ask("x", 100, 40, 30)]) == [Standing(40, 40)]
    assert await has(store, "a", [Ask("x", 100, 5, 0)]) == [Standing(40, 40)]


async def test_a_store_that_replicas_share_grants_them_the_limit_together():
    store = MemoryStore(exclusive=False)
    assert await has(store, "a", [Ask("x", 100, 0, 60)]) == [Standing(60, 0)]
    assert await has(store, "b", [Ask("x", 100, 0, 60)]) == [Standing(40, 0)]
    assert await has(store, "a", [Ask("x", 100, 10, 20)]) == [Standing(20, 10)]
    assert await has(store, "b", [Ask("x", 100, 40, 100)]) == [Standing(80, 40)]


async def test_in_an_exclusive_store_leases_under_another_name_bind_nobody(tmp_path):
    """A gateway under a new name must find its whole limit; what the old one spent is in the ledger."""
    store = SqliteStore(tmp_path / "state.db")
    assert store.exclusive
    assert await has(store, "old", [Ask("x", 100, 30, 100)]) == [Standing(100, 30)]
    assert await has(store, "new", [Ask("x", 100, 0, 100)]) == [Standing(100, 0)]
    assert await has(store, "new", [Ask("x", 100, 10, 130)]) == [Standing(100, 10)]
    assert await has(store, "old", [Ask("x", 100, 0, 0)]) == [Standing(30, 30)]
    store.close()


async def test_records_are_apart_and_answers_come_in_order(store):
    asks = [Ask(name, 100, 0, want) for name, want in (("z", 1), ("a", 2), ("m", 3))]
    assert [s.leased for s in await has(store, "a", asks)] == [1, 2, 3]
    assert await has(store, "a", []) == []


async def test_repeated_and_late_reports_do_no_harm(store):
    for _ in range(3):
        assert await has(store, "a", [Ask("x", 100, 50, 100)]) == [Standing(100, 50)]
    assert await has(store, "a", [Ask("x", 100, 20, 100)]) == [Standing(100, 50)]


async def test_amounts_up_to_the_largest_limit_are_kept_exactly(store):
    most = 9_000_000 * 10**9
    assert await has(store, "a", [Ask("x", most, most - 1, most)]) == [Standing(most, most - 1)]


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.tuples(st.just("a"), st.sampled_from(["x", "y"]), numbers, numbers), max_size=10))
async def test_both_stores_answer_alike(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("alike")
    memory, sqlite = MemoryStore(), SqliteStore(folder / "state.db")
    for name, record, spent, want in steps:
        asks = [Ask(record, 100, spent, want)]
        assert await memory.exchange(name, asks) == await sqlite.exchange(name, asks)
    sqlite.close()


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.tuples(replicas, st.sampled_from(["x", "y"]), numbers, numbers), max_size=10))
async def test_to_an_exclusive_store_every_replica_is_the_only_one(tmp_path_factory, steps):
    """Each name is answered as if no other had ever asked."""
    alone = {name: MemoryStore() for name in "abc"}
    sqlite = SqliteStore(tmp_path_factory.mktemp("alone") / "state.db")
    for name, record, spent, want in steps:
        asks = [Ask(record, 100, spent, want)]
        assert await sqlite.exchange(name, asks) == await alone[name].exchange(name, asks)
    sqlite.close()


async def test_leases_survive_a_restart(tmp_path):
    first = SqliteStore(tmp_path / "state.db")
    await has(first, "a", [Ask("x", 100, 30, 60)])
    first.close()
    second = SqliteStore(tmp_path / "state.db")
    assert await has(second, "a", [Ask("x", 100, 0, 10)]) == [Standing(30, 30)]
    second.close()


OLD, NEW = "2026-11-21T09:00:00+00:00", "2026-11-21T10:00:00+00:00"
BETWEEN = datetime.fromisoformat(NEW).timestamp()


async def test_records_of_windows_that_are_over_are_swept_away(tmp_path):
    """Of all replicas; and nothing else, for what is spent in a running window must stay spent."""
    store = SqliteStore(tmp_path / "state.db")
    gone = [f"team:a/usd/{span}@{OLD}" for span in ("second", "minute", "hour")] + [f"key:a/b@c/tokens/hour@{OLD}"]
    days = {"day": "11-19", "week": "11-09", "month": "10-01", "quarter": "07-01"}
    gone += [f"team:a/usd/{span}@2026-{day}T00:00:00+00:00" for span, day in days.items()]
    kept = [f"team:a/usd/{span}@{OLD}" for span in ("day", "week", "month", "quarter")]
    kept += [f"team:a/usd/hour@{NEW}", "all/usd/lifetime@always", "all/concurrent/while running@always"]
    for replica in ("a", "b"):
        await has(store, replica, [Ask(record, 100, 30, 60) for record in gone + kept])
    assert await store.sweep(BETWEEN) == len(gone)
    assert await store.sweep(BETWEEN) == 0
    for replica in ("a", "b"):
        standings = await has(store, replica, [Ask(record, 100, 0, 0) for record in gone + kept])
        assert standings == [Standing(0, 0)] * len(gone) + [Standing(30, 30)] * len(kept)
    store.close()


@pytest.mark.parametrize("on", ["SELECT", "DELETE"])
async def test_a_sweep_that_fails_is_unavailable_and_the_next_one_does_it(tmp_path, on):
    store = SqliteStore(tmp_path / "state.db")
    record = f"all/usd/hour@{OLD}"
    await has(store, "a", [Ask(record, 100, 30, 60)])
    store._database = Failing(store._database, on)
    with pytest.raises(Unavailable):
        await store.sweep(BETWEEN)
    assert await has(store, "a", [Ask(record, 100, 0, 0)]) == [Standing(30, 30)]
    assert await store.sweep(BETWEEN) == 1
    store.close()


class Failing:
    """A connection that fails on one statement, as on a full disk."""

    def __init__(self, database, on):
        self.database, self.on = database, on

    def __getattr__(self, name):
        return getattr(self.database, name)

    def execute(self, statement, *values):
        if statement.startswith(self.on):
            self.on = "never again"
            raise sqlite3.OperationalError("disk I/O error")
        return self.database.execute(statement, *values)

    def executemany(self, statement, rows):
        for row in rows:
            self.execute(statement, row)


@pytest.mark.parametrize("on", ["BEGIN", "SELECT", "INSERT", "COMMIT"])
async def test_a_failure_anywhere_is_unavailable_changes_nothing_and_passes(tmp_path, on):
    store = SqliteStore(tmp_path / "state.db")
    store._database = Failing(store._database, on)
    with pytest.raises(Unavailable):
        await has(store, "a", [Ask("x", 100, 0, 60), Ask("y", 100, 0, 60)])
    assert await has(store, "b", [Ask("x", 100, 0, 100), Ask("y", 100, 0, 100)]) == [Standing(100, 0)] * 2
    store.close()


async def test_a_database_locked_by_somebody_else_is_unavailable(tmp_path):
    store = SqliteStore(tmp_path / "state.db")
    store._database.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await has(store, "a", [Ask("x", 100, 0, 60)])
    other.execute("ROLLBACK")
    other.close()
    assert await has(store, "a", [Ask("x", 100, 0, 60)]) == [Standing(60, 0)]
    store.close()


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def shared(request, tmp_path, monkeypatch):
    """Two connections to what several replicas share; in memory, one is both."""
    path = tmp_path / "state.db"
    made = [MemoryStore(exclusive=False)] * 2
    if request.param == "sqlite":
        made = [SqliteStore(path, exclusive=False), SqliteStore(path, exclusive=False)]
    if request.param == "redis":
        monkeypatch.setattr(redis_leases, "LEARN_MS", 0)
        server = RedisServer(tmp_path / "redis").start()
        made = [RedisStore(server.patient_url), RedisStore(server.patient_url)]
    yield made
    if request.param == "sqlite":
        for store in made:
            store.close()
    if request.param == "redis":
        for store in made:
            await store.close()
        server.kill()


async def test_processes_that_share_a_store_are_told_what_the_others_have(shared):
    one, two = shared
    assert await one.exchange("a", [Ask("x", 100, 10, 60, held=20)]) == [Word(60, 10)]
    assert await two.exchange("b", [Ask("x", 100, 5, 60)]) == [Word(40, 5, others=Standing(60, 10, 20))]
    assert await one.exchange("a", [Ask("x", 100, 30, 30)]) == [Word(30, 30, others=Standing(40, 5))]


async def test_who_is_short_gets_no_useless_part_and_others_learn_of_it(shared):
    one, two = shared
    await one.exchange("a", [Ask("x", 100, 0, 80)])
    assert await two.exchange("b", [Ask("x", 100, 0, 50, least=50)]) == [Word(0, 0, 50, Standing(80))]
    assert (await one.wanted("a"), await two.wanted("b")) == ({"x"}, set())
    (said,) = await one.exchange("a", [Ask("x", 100, 0, 0, ahead=100)])
    assert said.leased == 0, "nobody leases ahead of who is short"
    assert (await two.exchange("b", [Ask("x", 100, 0, 50, least=50)]))[0].leased == 50
    assert await one.wanted("a") == set()


async def test_of_two_that_are_short_the_later_one_yields(shared):
    one, two = shared
    for store, name in ((one, "a"), (two, "b")):
        await store.exchange(name, [Ask("x", 100, 0, 50)])
    for store, name in ((one, "a"), (two, "b")):
        (said,) = await store.exchange(name, [Ask("x", 100, 0, 80, least=80, keep=50)])
        assert (said.leased, said.short, said.yields) == (50, 30, name == "b")
    assert (await two.exchange("b", [Ask("x", 100, 0, 80, least=80, keep=0)]))[0].leased == 0
    assert (await one.exchange("a", [Ask("x", 100, 0, 80, least=80, keep=50)]))[0].leased == 80


async def test_what_is_leased_ahead_is_a_fair_part(shared):
    one, two = shared
    assert (await one.exchange("a", [Ask("x", 100, 0, 10, ahead=100)]))[0].leased == 55
    assert (await two.exchange("b", [Ask("x", 100, 0, 0, ahead=100)]))[0].leased == 11
    assert (await two.exchange("b", [Ask("x", 100, 0, 11, ahead=3)]))[0].leased == 14


async def test_a_word_that_comes_late_or_twice_changes_nothing(shared):
    one, _ = shared
    early, late = Ask("x", 100, 5, 90, turn=1), Ask("x", 100, 10, 20, ahead=30, turn=2)
    await one.exchange("a", [early])
    for ask in (late, early, late):
        assert await one.exchange("a", [ask]) == [Word(50, 10)]


async def test_a_new_process_of_a_name_goes_on_from_what_the_ledger_says(shared):
    one, two = shared
    await one.exchange("a", [Ask("x", 100, 10, 60, turn=9), Ask("y", 100, 0, 60, turn=9)])
    await two.exchange("b", [Ask("x", 100, 5, 10)])
    assert sorted(await one.records("a")) == ["x", "y"]
    await one.resume("a", {"x": 30, "y": 0})
    assert await two.exchange("b", [Ask("x", 100, 5, 90)]) == [Word(70, 5, others=Standing(30, 30))]
    assert await one.exchange("a", [Ask("y", 100, 0, 50, turn=1)]) == [Word(50, 0)]


async def test_a_new_process_whose_first_word_comes_late_has_said_more_since(shared):
    """It waited in vain for an answer and said it again, and the first time arrives after all."""
    one, two = shared
    await one.resume("a", {"x": 20, "y": 20}, 6)
    assert await one.exchange("a", [Ask("x", 100, 50, 60, turn=7)]) == [Word(60, 50)]
    await one.resume("a", {"x": 20, "y": 20}, 5)
    await one.resume("a", {"x": 20, "y": 20}, 6)
    for record, has in (("x", Standing(60, 50)), ("y", Standing(20, 20))):
        assert await two.exchange("b", [Ask(record, 100, 0, 100)]) == [Word(100 - has.leased, 0, others=has)]


async def test_a_home_that_was_put_back_from_a_backup_goes_on_with_lower_numbers(shared):
    one, _ = shared
    await one.exchange("a", [Ask("x", 100, 50, 60, turn=(9 << TURN_BITS) + 5)])
    await one.resume("a", {"x": 50}, (3 << TURN_BITS) + 1)
    assert await one.exchange("a", [Ask("x", 100, 50, 70, turn=(3 << TURN_BITS) + 2)]) == [Word(70, 50)]


ROLLING = "all/usd/rolling 1h@rolling"


async def test_in_a_rolling_window_the_newest_word_counts_also_where_less_is_spent(shared):
    one, two = shared
    early, late = Ask(ROLLING, 100, 50, 60, turn=1), Ask(ROLLING, 100, 10, 20, turn=2)
    for ask, said in ((early, Word(60, 50)), (late, Word(20, 10)), (early, Word(20, 10)), (late, Word(20, 10))):
        assert await one.exchange("a", [ask]) == [said]
    assert await two.exchange("b", [Ask(ROLLING, 100, 0, 100)]) == [Word(80, 0, others=Standing(20, 10))]
    assert await one.exchange("a", [Ask(ROLLING, 100, 30, 20, turn=3)]) == [
        Word(30, 30, others=Standing(80)),
    ], "what is spent is leased, though there is no room"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_what_nobody_speaks_of_any_more_leaves_its_rolling_window_and_no_other(tmp_path, kind):
    now = [1_000_000.0]
    store = MemoryStore(exclusive=False, clock=lambda: now[0])
    if kind == "sqlite":
        store = SqliteStore(tmp_path / "state.db", exclusive=False, clock=lambda: now[0])
    for record in ("x", ROLLING):
        await store.exchange("a", [Ask(record, 100, 70, 90, turn=5)])
    await store.resume("a", {"x": 70, ROLLING: 70})
    for later, free in ((0, 30), (3600, 30), (3661, 100)):
        now[0] = 1_000_000.0 + later
        words = await store.exchange("b", [Ask(record, 100, 0, 100) for record in ("x", ROLLING)])
        assert [word.leased for word in words] == [30, free]
    assert (await store.exchange("a", [Ask(ROLLING, 100, 0, 0, turn=1)]))[0] == Word(0, 0, others=Standing(100))
    if kind == "sqlite":
        store.close()


def passed(name, at="2026-11-21T10:00:00+00:00", kept_until=None):
    return Passed(name, "all", "all/usd/day", "day", 80, "$8.00", "$10.00", at, None, kept_until)


async def test_what_was_told_of_a_limit_is_claimed_once_and_kept(shared):
    one, two = shared
    late, early = passed("x 80%"), passed("y 50%", at="2026-11-21T09:00:00+00:00", kept_until=time.time() + 1000)
    assert await one.claim([late, early]) == [late, early]
    assert await two.claim([early, other := passed("z*[50%]"), late]) == [other]
    assert await one.claim([late, early, other]) == []
    assert await two.told() == ([late, early, other] if one is two else [early, late, other])


async def test_what_was_told_is_forgotten_some_time_after_its_window(tmp_path):
    now = [1000.0]
    store = SqliteStore(tmp_path / "state.db", clock=lambda: now[0])
    await store.claim([passed("x", kept_until=2000.0), passed("y")])
    for later, names in ((1999.0, ["x", "y"]), (2001.0, ["y"])):
        now[0] = later
        await store.sweep(0)
        assert [event.name for event in await store.told()] == names
    store.close()


async def test_in_redis_what_was_told_goes_by_itself_some_time_after_its_window(tmp_path):
    server = RedisServer(tmp_path / "redis").start()
    store = RedisStore(server.patient_url)
    await store.claim([passed("x", kept_until=time.time() + 500), passed("y", kept_until=0.0), passed("z")])
    assert 400 < await store.link._redis.ttl(f"{redis_leases._PASSED}x") <= 500
    assert await store.link._redis.ttl(f"{redis_leases._PASSED}y") <= 1
    assert await store.link._redis.ttl(f"{redis_leases._PASSED}z") == -1
    await store.close()
    server.kill()


async def test_before_any_replica_runs_there_is_only_what_was_spent(tmp_path):
    store = SqliteStore(tmp_path / "state.db", exclusive=False)
    await store.exchange("a", [Ask("x", 100, 10, 60, least=200)])
    await store.begin([("x", "", 20), ("x", "a", 10), ("y", "b", 7)])
    assert await store.exchange("b", [Ask("x", 100, 0, 100)]) == [Word(70, 0, others=Standing(30, 30))]
    assert await store.wanted("b") == set()
    store.close()


async def test_what_an_earlier_version_left_in_the_file_binds_nobody(tmp_path):
    with closing(sqlite3.connect(tmp_path / "state.db")) as old:
        old.execute("CREATE TABLE leases (record TEXT, replica TEXT, leased INTEGER, spent INTEGER)")
        old.execute("INSERT INTO leases VALUES ('x', 'a', 100, 50)")
        old.commit()
    store = SqliteStore(tmp_path / "state.db", exclusive=False)
    assert await store.exchange("b", [Ask("x", 100, 0, 100)]) == [Word(100, 0)]
    store.close()
