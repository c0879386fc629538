"""Leases in a real Redis and Valkey: by the rule, and never more than the limit, whatever becomes of the server."""

import asyncio
import random
import time
from dataclasses import replace

import pytest
from memory_store import MemoryStore
from stores.redis_server import KINDS, RedisServer

from gateway.core.caller import Caller, Key
from gateway.core.errors import Unavailable
from gateway.core.limit import Fare, Limit, Span, Unit
from gateway.core.tenant import Drain, Rule
from gateway.core.threshold import Passed
from gateway.keyring import Keyring
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.stores import redis_leases, redis_link
from gateway.stores.base import KEPT_S, Ask, Standing, Word
from gateway.stores.redis_leases import RedisStore
from gateway.stores.redis_registry import RedisRegistry
from gateway.stores.registry import Kind, Write, drains_of, encoded, keys_of, rules_of

ROLLING = "all/usd/rolling 1h@rolling"


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    binary = KINDS[request.param]
    if binary is None:
        pytest.skip(f"{request.param}-server is not installed")
    running = RedisServer(tmp_path / "redis", binary=binary).start()
    yield running
    running.thaw()
    running.kill()


@pytest.fixture
async def connect(server):
    """Makes stores on that server."""
    made = []

    def make(*, patient=True):
        made.append(RedisStore(server.patient_url if patient else server.url))
        return made[-1]

    yield make
    for store in made:
        await store.close()


@pytest.fixture
def at_once(monkeypatch):
    """Nothing is learnt: the store is new."""
    monkeypatch.setattr(redis_leases, "LEARN_MS", 0)


def some(chance, step):
    """Any ask whatsoever."""

    def n():
        return chance.randrange(120)

    turn = chance.choice([0, step, max(0, step - 3)])
    least, ahead = chance.choice([0, n()]), chance.choice([0, n()])
    name, back = chance.choice(["x", "y", ROLLING]), chance.choice([0, n()])
    return Ask(name, 100, n(), n(), n(), least=least, keep=n(), ahead=ahead, turn=turn, back=back)


@pytest.mark.parametrize("seed", range(4))
async def test_it_answers_as_the_rule_does(connect, at_once, seed):
    """The script keeps totals, where the rule looks at every replica."""
    chance, store, memory = random.Random(seed), connect(), MemoryStore(exclusive=False)
    for step in range(400):
        name, ask = chance.choice("abc"), some(chance, step)
        assert await store.exchange(name, [ask]) == await memory.exchange(name, [ask]), (seed, step)
        if step % 20 == 0:
            assert [await store.wanted(n) for n in "abc"] == [await memory.wanted(n) for n in "abc"], (seed, step)
            assert await store.records(name) == sorted(await memory.records(name))
        if step % 100 == 99:
            spent = {record: chance.randrange(50) for record in await memory.records("a")}
            turn = step - chance.randrange(20)  # Which may be late.
            await store.resume("a", spent, turn)
            await memory.resume("a", spent, turn)


async def test_what_was_left_behind_in_a_rolling_window_counts_until_it_has_left(connect, at_once):
    """Also in the totals: of two that left something behind, the one that speaks again counts once."""
    one, two = connect(), connect()
    for name in "abc":
        await one.exchange(name, [Ask(ROLLING, 100, 10, 30, turn=1)])
    for name, in_s in (("a", 1), ("b", 2), ("c", 3600)):
        await redis_leases._RESUME.run(
            one.link._redis, redis_leases._keys(name, [ROLLING]), [name, 0, ROLLING, 20, 0, in_s]
        )
    assert (await one.standings("a"))[ROLLING].turn < -time.time()
    (word,) = await two.exchange("d", [Ask(ROLLING, 100, 0, 100)])
    assert word == Word(40, 0, others=Standing(60, 60))
    await one.exchange("b", [Ask(ROLLING, 100, 15, 15, turn=1)])

    async def has_left():
        (word,) = await two.exchange("d", [Ask(ROLLING, 100, 0, 100)])
        return word.leased > 45 and word

    assert await patient(has_left) == Word(65, 0, others=Standing(35, 35))
    await one.exchange("b", [Ask(ROLLING, 100, 0, 0, turn=2)])
    (word,) = await two.exchange("d", [Ask(ROLLING, 100, 0, 100)])
    assert word == Word(80, 0, others=Standing(20, 20))


async def test_many_records_are_one_exchange(connect, at_once):
    store = connect()
    words = await store.exchange("a", [Ask(f"r{n}", 100, n, n) for n in range(50)])
    assert words == [Word(n, n) for n in range(50)]


async def test_more_records_than_one_script_should_take_are_told_one_part_after_another(connect, at_once):
    store, count = connect(), 2 * redis_leases.ASKS_MAX + 1
    words = await store.exchange("a", [Ask(f"r{n}", 10**6, n, n) for n in range(count)])
    assert words == [Word(n, n) for n in range(count)]
    assert store.link.calls == {"exchange": 3}


async def test_a_process_goes_on_from_more_records_than_one_script_should_take(connect, at_once):
    store, records = connect(), [f"r{n:03}" for n in range(2 * redis_leases.ASKS_MAX + 1)]
    await store.exchange("a", [Ask(record, 100, 0, 90, turn=1) for record in records])
    store.link.calls.clear()
    await store.resume("a", dict.fromkeys(records, 30), 2)
    assert store.link.calls == {"resume": 3}
    assert await store.standings("a") == dict.fromkeys(records, Standing(30, 30, turn=2))


async def test_one_that_dies_while_it_goes_on_leaves_nothing_leased_that_the_next_does_not_find(connect, at_once):
    store, records = connect(), [f"r{n:03}" for n in range(redis_leases.ASKS_MAX + 1)]
    await store.exchange("a", [Ask(record, 100, 0, 90, turn=1) for record in records])
    ask, store.link.ask = store.link.ask, once(store.link.ask)
    with pytest.raises(Unavailable):
        await store.resume("a", dict.fromkeys(records, 0), 2)
    store.link.ask = ask
    assert await store.records("a") == records
    await store.resume("a", dict.fromkeys(await store.records("a"), 0), 3)
    words = await store.exchange("b", [Ask(record, 100, 0, 100) for record in records])
    assert words == [Word(100, 0)] * len(records)


def once(step):
    """Then it is gone."""
    left = [step]

    async def stepped(*told, **how):
        if not left:
            raise Unavailable("gone")
        await left.pop()(*told, **how)

    return stepped


async def test_a_thousand_calls_far_from_the_limit_ask_the_store_for_nothing(connect, at_once):
    store = connect()

    async def balances(names):
        return {}

    month = Limit("all", Unit.USD, 10**9, Span.MONTH)
    limits = Limits([month, replace(month, unit=Unit.TOKENS)], Leases(store, "a", balances), time.time)
    for n in range(1001):
        hold = await limits.hold(Caller("k", team="t"), Fare(nanos=10, output_tokens=10))
        hold.settle(Fare(nanos=7, output_tokens=5))
        if n == 0:
            asked = store.link.calls.total()
    assert store.link.calls.total() == asked


async def lease(store, name, want, *, keep=0, spent=0):
    """What a replica has then."""
    (word,) = await store.exchange(name, [Ask("x", 100, spent, want, keep=keep)])
    return word.leased


async def patient(wait):
    """Asks until it is granted something."""
    deadline = time.monotonic() + 20
    while not (granted := await wait()):
        assert time.monotonic() < deadline, "nothing was ever leased"
        await asyncio.sleep(0.02)
    return granted


async def test_a_new_store_learns_before_it_leases_and_says_so(connect):
    """It cannot know that it is new: it may have lost everything."""
    store = connect()
    assert await store.exchange("a", [Ask("x", 100, 0, 60)]) == [Word(0, 0, learning=True)]
    assert await patient(lambda: lease(store, "a", 60)) == 60
    assert await store.exchange("a", [Ask("x", 100, 0, 60)]) == [Word(60, 0)]


async def test_after_a_flush_what_was_leased_is_told_anew_and_nobody_gets_it_twice(connect, server):
    one, two = connect(), connect()
    await patient(lambda: lease(one, "a", 80))
    server.say("FLUSHALL")
    assert await lease(two, "b", 60) == 0, "nothing new is leased"
    assert await lease(one, "a", 80, keep=80) == 80, "what was leased stays leased"
    assert await patient(lambda: lease(two, "b", 60)) == 20


async def test_a_server_that_lost_its_newest_words_is_another_server(connect, server):
    """Restarted without its memory, on the same port: connections break, and whoever comes next is told to learn."""
    one, two = connect(), connect()
    await patient(lambda: lease(one, "a", 80))
    server.kill()
    with pytest.raises(Unavailable):
        await lease(one, "a", 80, keep=80)
    server.start()
    assert await lease(two, "b", 60) == 0
    assert await lease(one, "a", 80, keep=80) == 80
    assert await patient(lambda: lease(two, "b", 60)) == 20


async def test_another_server_behind_the_same_address_is_noticed(connect, server):
    """As after a failover: its memory is old, but its name is another one."""
    store = connect()
    await patient(lambda: lease(store, "a", 80))
    server.say("HSET", redis_leases.META, "server", "another")
    assert await lease(store, "a", 90, keep=80) == 90, "the connection is known"
    other = connect()
    assert await lease(other, "b", 5) == 0
    assert await patient(lambda: lease(other, "b", 5)) == 5


@pytest.mark.parametrize("look_first", [False, True])
async def test_a_server_whose_clock_was_ahead_learns_no_longer_than_any_other(connect, server, look_first):
    """It was set right, and what it calls the time of its birth has not come yet."""
    store = connect()
    await patient(lambda: lease(store, "a", 80))
    await store.wanted("a")
    epoch = store.epoch
    server.say("HSET", redis_leases.META, "born", str(round(time.time() + 3600) * 1000))
    if look_first:
        await store.wanted("a")
    assert await store.exchange("b", [Ask("x", 100, 0, 10)]) == [Word(0, 0, others=Standing(80), learning=True)]
    await store.wanted("a")
    assert epoch < store.epoch <= (time.time() + 60) * 1000, "all tell anew"
    assert await patient(lambda: lease(store, "b", 10)) == 10


async def test_a_frozen_server_is_unavailable_after_a_moment_and_good_again_later(connect, at_once, server):
    assert await lease(connect(), "a", 60) == 60
    store = connect(patient=False)
    server.freeze()
    with pytest.raises(Unavailable):
        await lease(store, "a", 70)
    with pytest.raises(Unavailable):
        await store.wanted("a")
    server.thaw()

    async def again():
        try:
            return await lease(store, "a", 70)
        except Unavailable:
            return 0

    assert await patient(again) == 70


async def test_a_server_that_may_forget_is_not_used(connect, server):
    server.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(Unavailable):
        await lease(connect(), "a", 60)


async def refused(store):
    """Why a look failed, if it did."""
    try:
        await store.wanted("a")
    except Unavailable as error:
        return str(error)
    return ""


async def newer(store, epoch):
    """The time of its memory's beginning, if that is later."""
    await store.wanted("a")
    return store.epoch > epoch


async def test_a_server_that_is_told_to_evict_while_it_runs_is_not_used_until_it_is_told_otherwise(connect, server):
    store = connect()
    assert await patient(lambda: lease(store, "a", 60)) == 60
    assert await refused(store) == ""
    server.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "allkeys-lru" in await patient(lambda: refused(store))
    with pytest.raises(Unavailable, match="allkeys-lru"):
        await lease(store, "a", 70)
    server.say("CONFIG", "SET", "maxmemory-policy", "noeviction")

    async def believed():
        return not await refused(store)

    await patient(believed)
    assert await lease(store, "a", 70) == 70


async def test_an_answer_that_was_under_way_does_not_make_it_believed(connect, server):
    store = connect()
    await patient(lambda: lease(store, "a", 60))
    late = asyncio.Event()

    async def slow(client):
        await late.wait()

    asking = asyncio.create_task(store.link.ask("slow", slow, patient=True))
    await asyncio.sleep(0)
    server.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await patient(lambda: refused(store))
    late.set()
    await asking
    with pytest.raises(Unavailable, match="allkeys-lru"):
        await lease(store, "a", 70)


async def test_a_server_that_does_not_say_whether_it_evicts_is_named_in_the_log(connect, server, caplog, monkeypatch):
    store = connect()
    await patient(lambda: lease(store, "a", 60))
    server.say("ACL", "SETUSER", "default", "-info")
    server.say("HDEL", redis_leases.META, "asked")
    await store.wanted("a")
    await store.wanted("a")
    assert caplog.text.count("does not tell scripts whether it evicts") == 1
    assert await patient(lambda: lease(store, "a", 70)) == 70


async def test_after_an_eviction_all_is_told_anew(connect, server):
    """Of whatever it was, and though the server was told not to again before anybody looked."""
    store = connect()
    await store.wanted("a")
    epoch = store.epoch
    server.say("SET", "some", "thing", "EX", "1000")
    server.say("CONFIG", "SET", "maxmemory-policy", "volatile-random")
    server.say("CONFIG", "SET", "maxmemory", "1")
    server.say("SET", "another", "thing")
    server.say("CONFIG", "SET", "maxmemory", "0")
    server.say("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await patient(lambda: newer(store, epoch))


@pytest.mark.parametrize("told", ["exchange", "resume"])
async def test_one_record_that_is_lost_is_told_anew_and_nobody_gets_it_twice(connect, server, told):
    one, two = connect(), connect()
    await patient(lambda: lease(one, "a", 80))
    await one.wanted("a")
    epoch = one.epoch
    server.say("DEL", redis_leases._record("x"))
    if told == "exchange":
        assert await lease(two, "b", 60) == 0, "nothing new is leased"
    else:
        await two.resume("b", {"x": 0})
    assert await newer(one, epoch), "all tell anew"
    assert await lease(one, "a", 80, keep=80) == 80, "what was leased stays leased"
    assert await patient(lambda: lease(two, "b", 60)) == 20


async def names(store):
    return await store.link._redis.smembers(redis_leases._ALL)


@pytest.mark.parametrize("lost", ["the names", "an older version knew no names"])
async def test_names_that_are_lost_are_told_anew_so_that_a_record_that_is_lost_after_is_noticed(connect, server, lost):
    one, two = connect(), connect()
    await patient(lambda: lease(one, "a", 80))
    await one.wanted("a")
    await asyncio.sleep(1.1)  # It looks once a second.
    await one.wanted("a")
    epoch = one.epoch
    server.say("DEL", redis_leases._ALL)
    if lost != "the names":
        server.say("HDEL", redis_leases.META, "names")
    assert await patient(lambda: newer(one, epoch)), "all tell anew"
    await lease(one, "a", 80, keep=80)
    assert await names(one) == {b"x"}
    await patient(lambda: lease(two, "b", 10))
    server.say("DEL", redis_leases._record("x"))
    assert await lease(two, "b", 60, keep=10) == 10, "nothing new is leased"
    assert await lease(one, "a", 80, keep=80) == 80

    async def more():
        granted = await lease(two, "b", 60, keep=10)
        return granted if granted != 10 else 0

    assert await patient(more) == 20


async def test_who_goes_on_from_a_record_names_it(connect, at_once, server):
    store = connect()
    assert await lease(store, "a", 80) == 80
    server.say("DEL", redis_leases._ALL)
    await store.resume("a", {"x": 0})
    assert await names(store) == {b"x"}


async def test_a_store_of_many_records_learns_for_as_long_as_they_take_to_be_told(connect, server, monkeypatch):
    store = connect()
    monkeypatch.setattr(redis_leases, "LEARN_MS", 100)
    await patient(lambda: lease(store, "a", 1))
    await store.link._redis.sadd(redis_leases._ALL, *range(200_000))
    server.say("DEL", redis_leases._record("x"))
    asked = time.monotonic()
    await patient(lambda: lease(store, "b", 1))
    assert time.monotonic() - asked > 0.9


@pytest.mark.parametrize("told", ["exchange", "resume"])
async def test_records_of_windows_that_end_go_by_themselves_and_others_stay(connect, at_once, told):
    """From their last word on, which may be the window's first: some days after its end."""
    store, day = connect(), 86_400
    ending = {"minute": 60, "hour": 3600, "day": day, "week": 7 * day, "month": 31 * day, "quarter": 92 * day}
    names = {f"all/usd/{span}@2026-01-01T00:00:00+00:00": longest for span, longest in ending.items()}
    endless = ["all/concurrent/while running@always", "all/usd/lifetime@always", ROLLING]
    if told == "exchange":
        await store.exchange("a", [Ask(name, 100, 1, 1) for name in (*names, *endless)])
    else:
        await store.resume("a", dict.fromkeys((*names, *endless), 1))
    lives = {name: await store.link._redis.ttl(redis_leases._record(name)) for name in (*names, *endless)}
    assert all(-9 <= lives[name] - longest - KEPT_S <= day for name, longest in names.items())
    assert [lives[name] for name in endless] == [-1] * 3
    await store.exchange("a", [])
    assert await store.sweep(0) == 0
    assert await store.sweep(time.time()) == len(names)
    assert await store.records("a") == endless


def passed(percent):
    return Passed(f"x {percent}%", "all", "all/usd/day", "day", percent, "$8", "$10", "2026-11-21", None, None)


async def test_what_was_claimed_without_an_answer_is_the_claimant_s_when_it_claims_again(connect):
    """The store did what it was asked: were it taken for another's claim, nobody would ever tell."""
    one, two, news = connect(), connect(), [passed(50), passed(80)]
    ask, one.link.ask = one.link.ask, unheard(one.link.ask, after=1)
    with pytest.raises(Unavailable):
        await one.claim(news)
    one.link.ask = ask
    assert await two.claim([*news, passed(100)]) == [passed(100)]
    assert await one.claim([*news, passed(100)]) == news
    assert await one.claim(news) == [], "it has heard of them"
    assert len(await two.told()) == 3


def unheard(step, *, after):
    """So many are answered; the others are done, and no answer comes."""
    left = [*range(after)]

    async def stepped(*told, **how):
        answer = await step(*told, **how)
        if not left:
            raise Unavailable("gone")
        left.pop()
        return answer

    return stepped


async def test_a_claim_that_a_frozen_server_finds_later_is_still_told(connect, server):
    one, other = connect(patient=False), connect()
    await patient(lambda: tried(one.claim([passed(50)])))
    server.freeze()
    with pytest.raises(Unavailable):
        await one.claim([passed(80)])
    server.thaw()
    await patient(lambda: stands(other, passed(80)))
    assert await patient(lambda: tried(one.claim([passed(80)]))) == [passed(80)]


async def stands(store, event):
    return event in await store.told()


async def tried(work):
    try:
        return await work
    except Unavailable:
        return None


async def test_records_that_went_by_themselves_are_wanted_by_nobody(connect, at_once):
    """Whoever was short there has died, and says nothing any more."""
    one, two = connect(), connect()
    await one.exchange("a", [Ask("x", 100, 0, 60)])
    await two.exchange("b", [Ask("x", 100, 0, 90, least=90)])
    assert await one.wanted("a") == {"x"}
    for key in (redis_leases._record("x"), redis_leases._shorts("x")):
        await one.link._redis.delete(key)
    assert await one.wanted("a") == set()
    assert await one.link._redis.smembers(redis_leases._WANTED) == set()


async def test_what_others_hold_is_told(connect, at_once):
    one, two = connect(), connect()
    await one.exchange("a", [Ask("x", 100, 10, 60, held=20)])
    assert await two.exchange("b", [Ask("x", 100, 5, 60)]) == [Word(40, 5, others=Standing(60, 10, 20))]


def save(registry, key, before=None):
    was = encoded(before) if before is not None else None
    assert registry.write([Write(Kind.KEYS, key.id, was, encoded(key))], ())


def test_keys_are_shared_and_a_change_is_seen(server):
    one, two = RedisRegistry(server.patient_url), RedisRegistry(server.patient_url)
    assert (one.all(Kind.KEYS), one.find(Kind.KEYS, "k"), before := two.version) == ({}, None, 0)
    assert one.write([Write(Kind.KEYS, "k", None, b"\x00key")], [b"made"])
    assert two.version != before
    assert two.all(Kind.KEYS) == {"k": b"\x00key"}
    assert two.find(Kind.KEYS, "k") == b"\x00key"
    server.kill()
    with pytest.raises(Unavailable):
        two.find(Kind.KEYS, "k")
    one.close()
    two.close()


async def test_keys_that_the_store_lost_are_given_back_and_revoked_ones_stay_revoked(server):
    """As after a flush, or a failover to a replica that lacks the newest words."""
    kept, revoked = (Key(name, b"digest", Caller(name)) for name in ("kept", "revoked"))
    one, two = RedisRegistry(server.patient_url), RedisRegistry(server.patient_url)
    for key in (kept, revoked):
        save(one, key)
    save(one, replace(revoked, revoked=True), before=revoked)
    rule, rules = Rule(Limit("team:t", Unit.USD, 5, Span.DAY)), []
    assert one.write([Write(Kind.RULES, rule.limit.id, None, encoded(rule))], ())
    drain, drains = Drain(1.0, "somebody"), []
    assert one.write([Write(Kind.DRAINS, "local@gpu", None, encoded(drain))], ())
    ring = Keyring(two, two, b"p" * 32, lambda found: rules.append([*found]), list, local=False)
    ring.drain_by(drains.append)
    server.say("FLUSHALL")
    save(one, revoked)
    await ring.follow()
    assert (
        keys_of(one.all(Kind.KEYS)) == ring.tenants.known == {"kept": kept, "revoked": replace(revoked, revoked=True)}
    )
    assert rules_of(one.all(Kind.RULES)) == {rule.limit.id: rule}
    assert rules == [[rule]]
    assert drains_of(one.all(Kind.DRAINS)) == {"local@gpu": drain}
    assert drains == [{"local@gpu": drain}]
    assert one.write([Write(Kind.DRAINS, "local@gpu", encoded(drain), None)], ())
    await ring.follow()
    assert drains[1:] == [{}]
    one.close()
    two.close()


async def test_no_call_waits_for_keys_that_a_frozen_store_may_have(server):
    keys = RedisRegistry(server.url)
    assert keys.find(Kind.KEYS, "k", hasty=True) is None
    server.freeze()
    begun = time.monotonic()
    for _ in range(100):
        with pytest.raises(Unavailable):
            keys.find(Kind.KEYS, "k", hasty=True)
    assert time.monotonic() - begun < 100 * redis_link.TIMEOUT_S / 4, "a few wait, and the others do not ask"
    keys.close()


async def test_whatever_the_client_makes_of_a_broken_line_is_unavailable(connect, at_once):
    store = connect()

    async def write(client):
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    with pytest.raises(Unavailable):
        await store.link.ask("exchange", write)
    assert await lease(store, "a", 60) == 60


async def test_being_cancelled_is_never_swallowed(connect, at_once, server):
    """As it could be where the client's own time limit ends in the same turn."""
    await lease(connect(), "a", 1)
    store = connect(patient=False)
    server.freeze()
    for _ in range(20):
        task = asyncio.create_task(store.wanted("a"))
        await asyncio.sleep(redis_link.TIMEOUT_S)
        cancelled = task.cancel()
        with pytest.raises(asyncio.CancelledError if cancelled else Unavailable):
            await task
