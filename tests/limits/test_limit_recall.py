"""Several replicas on one store: never more than the limit, nothing refused that is free, nothing asked needlessly."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from memory_store import MemoryStore
from virtual import VirtualLoop

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Unavailable
from gateway.core.limit import Fare, Limit, Mode, Span, Unit
from gateway.limits.chain import Limits
from gateway.limits.holds import to_tell
from gateway.limits.leases import Leases
from gateway.limits.recall import WAIT_S_MAX
from gateway.stores.base import Standing

ANN = Caller(key_id="k1", org="o", team="t", user="ann")
NOW = 1_800_000_000.0
RECORD = "all/usd/lifetime@always"


def usd(amount, **more):
    return Limit("all", Unit.USD, amount, Span.LIFETIME, **more)


def nanos(amount):
    return Fare(nanos=amount)


class Counting(MemoryStore):
    """Counts exchanges; loses answers or fails where told."""

    def __init__(self):
        super().__init__(exclusive=False)
        self.exchanges = 0
        self.down = self.loses_answers = False

    async def exchange(self, replica, asks):
        await asyncio.sleep(0)
        self.exchanges += 1
        if self.down:
            raise Unavailable("down")
        words = await super().exchange(replica, asks)
        if self.loses_answers:
            raise Unavailable("lost")
        return words


class Barren(Counting):
    """Leases nothing that was not leased before, and says nobody short."""

    def __init__(self, store, *, learning):
        super().__init__()
        self._records, self.learning = store._records, learning

    async def exchange(self, replica, asks):
        assert self.exchanges < 1000, "no time passes between two questions"
        words = await super().exchange(replica, [replace(ask, want=ask.keep, least=0, ahead=0) for ask in asks])
        return [replace(word, short=0, yields=False, learning=self.learning) for word in words]


class Replica:
    """One process: its accounts, and the ledger's balance of what it has spent."""

    def __init__(self, store, name, *limits):
        self.store, self.name, self.limits = store, name, limits
        self.booked = self.lives = 0
        self.start()

    def start(self):
        self.leases = Leases(self.store, self.name, self.balances, lambda: NOW, life=self.lives)
        self.chain = Limits(self.limits, self.leases, lambda: NOW)

    async def balances(self, names):
        return dict.fromkeys(names, self.booked) if self.booked else {}

    async def hold(self, amount):
        return await self.chain.hold(ANN, nanos(amount))

    async def restart(self):
        """Killed, and back: what it held is booked in full, from its journal."""
        self.booked += sum(account.held for account in self.leases.accounts)
        self.lives += 1
        self.start()
        await self.leases.resume({})

    @property
    def account(self):
        return next(iter(self.leases.accounts), None)

    def settle(self, hold, actual):
        hold.settle(nanos(actual))
        self.booked += actual


async def sync_often(*replicas):
    while True:
        for replica in replicas:
            await replica.leases.sync(NOW)
        await asyncio.sleep(0.01)


async def with_syncs(replicas, work):
    syncing = asyncio.create_task(sync_often(*replicas))
    try:
        return await work
    finally:
        syncing.cancel()
        await asyncio.gather(syncing, return_exceptions=True)


def pair(amount=100, **more):
    store = Counting()
    return store, Replica(store, "a", usd(amount, **more)), Replica(store, "b", usd(amount, **more))


async def test_what_nobody_needs_is_recalled_from_who_has_it():
    store, one, two = pair()
    one.settle(await one.hold(60), 10)
    assert store.standings(RECORD)["a"].leased >= 60
    hold = await with_syncs([one, two], two.hold(90))
    assert hold.fare.nanos == 90
    assert store.standings(RECORD)["a"].leased == 10


async def test_who_is_short_at_the_same_time_is_served_one_after_another():
    """Each has a part that is of no use to it alone."""
    _store, one, two = pair()
    for replica in (one, two):
        replica.settle(await replica.hold(50), 0)
    holds = await with_syncs([one, two], asyncio.gather(one.hold(80), two.hold(80), return_exceptions=True))
    assert [isinstance(hold, LimitReached) for hold in holds] == [False, True]


async def test_calls_that_wait_together_are_served_as_far_as_it_goes():
    _store, one, two = pair()
    (await two.hold(30)).void()
    holds = await with_syncs([one, two], asyncio.gather(*(one.hold(30) for _ in range(5)), return_exceptions=True))
    assert sum(not isinstance(hold, LimitReached) for hold in holds) == 3


async def test_what_is_only_held_is_waited_for_and_asked_for_together():
    """It may come back while somebody waits. However many wait, after a first no the store is asked every 40 ms."""
    store, one, two = pair()
    hold = await two.hold(95)
    await two.leases.sync(NOW)
    with pytest.raises(LimitReached) as refused:
        await one.hold(10)
    assert (refused.value.refusal.held, refused.value.refusal.reason) == ("$0.000000095", "held")
    asked = store.exchanges
    waiting = [asyncio.create_task(one.hold(10)) for _ in range(50)]
    assert all(isinstance(e, LimitReached) for e in await asyncio.gather(*waiting, return_exceptions=True))
    assert store.exchanges - asked <= 11
    (await one.hold(1)).void()
    again = asyncio.create_task(one.hold(10))
    await asyncio.sleep(0.1)
    hold.void()
    assert (await with_syncs([one, two], again)).fare.nanos == 10


async def test_what_is_spent_for_good_is_refused_without_asking():
    store, one, two = pair()
    one.settle(await one.hold(60), 60)
    await one.leases.sync(NOW)
    await two.chain.accounts(ANN)
    asked = store.exchanges
    with pytest.raises(LimitReached) as refused:
        await two.hold(50)
    assert store.exchanges == asked
    assert (refused.value.refusal.spent, refused.value.refusal.reason) == ("$0.00000006", "exhausted")


@pytest.mark.parametrize("mode", [Mode.SOFT, Mode.SHADOW])
async def test_a_limit_that_only_tells_never_waits(mode):
    store, one, _two = pair(10, mode=mode)
    await one.chain.accounts(ANN)
    asked = store.exchanges
    await one.hold(500)
    assert store.exchanges == asked


async def test_calls_far_from_the_limit_do_not_ask_the_store():
    """A thousand calls at a steady pace: what is asked is asked by the syncs, whose number does not depend on it."""
    store, one, _two = pair(10**9)
    for _ in range(3):
        for _ in range(100):
            one.settle(await one.hold(50), 10)
        await one.leases.sync(NOW)
    for _ in range(10):
        asked = store.exchanges
        for _ in range(100):
            one.settle(await one.hold(50), 10)
        assert store.exchanges == asked
        await one.leases.sync(NOW)
        assert store.exchanges <= asked + 1


async def test_calls_in_flight_far_from_their_limit_do_not_ask_either():
    store = Counting()
    one = Replica(store, "a", Limit("all", Unit.CONCURRENT, 1000, Span.RUNNING))
    holds = [await one.hold(0) for _ in range(20)]
    await one.leases.sync(NOW)
    asked = store.exchanges
    for _ in range(100):
        holds.pop(0).void()
        holds.append(await one.hold(0))
    assert store.exchanges == asked


async def test_what_is_left_is_that_of_the_whole_limit():
    _store, one, two = pair()
    one.settle(await one.hold(30), 20)
    await one.hold(5)
    await one.leases.sync(NOW)
    assert (await two.chain.remaining(ANN)).nanos_up == 75


async def test_what_others_held_a_moment_ago_may_be_to_be_had_by_now():
    """A call is not given up uncounted for what may be free already."""
    _store, one, two = pair()
    await two.hold(60)
    await two.leases.sync(NOW)
    (await one.hold(10)).void()
    await one.leases.sync(NOW)
    assert (await one.chain.remaining(ANN)).nanos_up == 40
    assert (await one.chain.attainable(ANN)).nanos_up == 100
    assert await Replica(MemoryStore(), "c", usd(5, mode=Mode.SOFT)).chain.attainable(ANN) is None


async def test_a_store_that_does_not_answer_lets_what_is_leased_be_spent_and_no_more():
    store, one, _two = pair()
    (await one.hold(40)).void()
    store.down = True
    hold = await one.hold(40)
    with pytest.raises(Unavailable):
        await one.hold(90)
    assert one.account.waiting == []
    store.down = False
    hold.void()
    await one.hold(90)


async def test_a_store_that_says_neither_yes_nor_no_is_not_asked_without_a_pause():
    store, one, two = pair()
    (await two.hold(30)).void()
    one.leases._store = barren = Barren(store, learning=False)
    refused = await asyncio.gather(*(one.hold(60) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(each, LimitReached) for each in refused)
    assert barren.exchanges <= 20, "ten pauses, however many wait"


async def test_nobody_is_refused_for_whom_the_store_was_not_asked():
    """However long another one's question takes: the machine may stand still meanwhile."""

    class Slow(Counting):
        takes_s = 0.0

        async def exchange(self, replica, asks):
            await asyncio.sleep(self.takes_s)
            return await super().exchange(replica, asks)

    store = Slow()
    one = Replica(store, "a", Limit("key:*", Unit.USD, 100, Span.LIFETIME))
    callers = [ANN, Caller(key_id="k2", org="o", team="t", user="bob")]
    for caller in callers:
        (await one.chain.hold(caller, nanos(1))).void()
    store.takes_s = 1.5 * WAIT_S_MAX
    first = asyncio.create_task(one.chain.hold(callers[0], nanos(90)))
    await asyncio.sleep(0.25 * WAIT_S_MAX)
    second = asyncio.create_task(one.chain.hold(callers[1], nanos(90)))
    await asyncio.gather(first, second)


async def test_a_store_that_may_have_forgotten_is_waited_for():
    """It learns for a second what is leased: no limit is reached by that."""
    store, one, two = pair()
    (await two.hold(30)).void()
    one.leases._store = barren = Barren(store, learning=True)
    call = asyncio.create_task(one.hold(60))
    await asyncio.sleep(1.0)
    assert not call.done()
    one.leases._store = store
    await with_syncs([one, two], call)
    assert barren.exchanges <= 30


async def test_a_store_that_never_has_learnt_is_no_store():
    store, one, _two = pair()
    one.leases._store = Barren(store, learning=True)
    with pytest.raises(Unavailable, match="learns what is leased"):
        await one.hold(60)
    with pytest.raises(LimitReached) as at_once:
        await one.chain.hold(ANN, nanos(60), patient=False)
    assert isinstance(to_tell(at_once.value), Unavailable)
    one.account.learning = False
    assert to_tell(at_once.value) is at_once.value
    with pytest.raises(LimitReached):
        await one.hold(101)  # Which no store can change.


async def test_a_caller_that_leaves_while_it_waits_leaves_nothing_behind():
    store, one, two = pair()
    hold = await two.hold(95)
    call = asyncio.create_task(one.hold(50))
    await asyncio.sleep(0.01)
    assert one.account.waiting
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert one.account.waiting == []
    hold.void()
    await with_syncs([one, two], asyncio.sleep(0.02))
    assert not any(standing.short for standing in store.standings(RECORD).values())


async def test_a_process_that_comes_back_has_leased_what_it_has_spent_and_no_more():
    store, one, two = pair()
    one.settle(await one.hold(30), 10)
    await one.hold(20)
    await one.restart()
    assert store.standings(RECORD)["a"] == Standing(30, 30, turn=1 << 36 | 1)
    await two.hold(70)
    alone = Leases(MemoryStore(), "a", one.balances)
    await alone.resume({})
    assert not list(alone.accounts)


async def test_a_hold_that_grows_can_go_on_while_room_is_made_for_it():
    store, one, two = pair()
    (await two.hold(80)).void()
    hold = await one.hold(10)
    waiting = one.chain.wait_for_room(hold, nanos(70))
    await with_syncs([one, two], waiting)
    hold.raise_to(nanos(70), NOW)
    assert one.chain.wait_for_room(hold, nanos(171)) is None, "it can never be"
    store.down = True
    await one.chain.wait_for_room(hold, nanos(99))
    assert hold.fare.nanos == 70


async def test_a_hold_of_the_only_replica_has_nothing_to_wait_for():
    alone = Limits([usd(100)], Leases(MemoryStore(), "a", Replica(MemoryStore(), "a").balances), lambda: NOW)
    hold = await alone.hold(ANN, nanos(10))
    assert alone.wait_for_room(hold, nanos(50)) is None


@pytest.mark.parametrize("turns", range(1, 9))
async def test_who_leaves_while_it_waits_is_short_no_more(turns):
    """Whenever it does: else all others give back for ever what nobody waits for."""
    store, one, two = pair()
    await two.hold(95)
    (await one.hold(1)).void()
    while one.account.stirred:
        await one.leases.sync(NOW)
    call = asyncio.create_task(one.hold(50))
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    await one.leases.sync(NOW)
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.sleep(1)
    await one.leases.sync(NOW)
    assert store.standings(RECORD)["a"].short == 0
    assert await store.wanted("b") == set()
    assert not one.account.stirred


async def test_a_window_that_ends_is_not_forgotten_while_others_are_asked_for_it():
    class Leaving(Counting):
        call = None

        async def exchange(self, replica, asks):
            words = await super().exchange(replica, asks)
            if self.call is not None and words[0].short:
                self.call.cancel()
                await asyncio.sleep(1)
            return words

    store = Leaving()
    one, two = Replica(store, "a", usd(100)), Replica(store, "b", usd(100))
    await two.hold(95)
    (await one.hold(1)).void()
    one.account.window = type(one.account.window)("over", 0.0, NOW)
    store.call = asyncio.create_task(one.hold(50))
    await asyncio.sleep(0)
    await one.leases.sync(NOW)
    assert one.account.short
    store.call = None
    await one.leases.sync(NOW)
    assert store.standings(RECORD)["a"].short == 0
    await one.leases.sync(NOW)
    assert one.account is None


async def test_a_window_that_ends_is_kept_while_calls_wait_in_it():
    _store, one, two = pair()
    await two.hold(95)
    call = asyncio.create_task(one.hold(50))
    await asyncio.sleep(0.01)
    one.account.window = type(one.account.window)("over", 0.0, 1.0)
    await one.leases.sync(NOW)
    assert one.account is not None
    with pytest.raises(LimitReached):
        await call
    await one.leases.sync(NOW)
    assert one.account is None


async def test_a_new_window_begins_at_the_pace_of_the_last_one():
    store, clock = Counting(), [NOW]
    leases = Leases(store, "a", Replica.balances.__get__(Replica(store, "x")))
    chain = Limits([Limit("all", Unit.USD, 10**6, Span.SECOND)], leases, lambda: clock[0])
    for _ in range(10):
        (await chain.hold(ANN, nanos(100))).void()
    await leases.sync(NOW)
    clock[0] += 1
    (account,) = await chain.accounts(ANN)
    assert account.pace == 1000


class Replicas(RuleBasedStateMachine):
    """Any interleaving of calls, syncs, deaths, lost answers and late words, over one store."""

    holds = Bundle("holds")
    names = st.sampled_from("abc")

    @initialize(limit=st.integers(1, 200))
    def start(self, limit):
        self.loop = VirtualLoop()
        self.limit, self.store = limit, Counting()
        self.replicas = {name: Replica(self.store, name, usd(limit)) for name in "abc"}
        self.open = {name: [] for name in "abc"}
        self.lives = dict.fromkeys("abc", 0)

    def teardown(self):
        if hasattr(self, "loop"):
            try:
                self.everything_that_is_free_is_to_be_had()
            finally:
                self.loop.close()

    def do(self, work):
        return self.loop.run_until_complete(work)

    @rule(target=holds, name=names, amount=st.integers(0, 120))
    def take(self, name, amount):
        try:
            hold = self.do(self.replicas[name].hold(amount))
        except LimitReached:
            return multiple()
        self.open[name].append(hold)
        return name, self.lives[name], hold

    @rule(target=holds, names=st.lists(names, min_size=2, max_size=4), amount=st.integers(1, 120))
    def take_at_once(self, names, amount):
        async def all_at_once():
            calls = [self.replicas[name].hold(amount) for name in names]
            return await with_syncs(self.replicas.values(), asyncio.gather(*calls, return_exceptions=True))

        done = self.do(all_at_once())
        got = [(name, hold) for name, hold in zip(names, done, strict=True) if not isinstance(hold, LimitReached)]
        for name, hold in got:
            self.open[name].append(hold)
        return multiple(*((name, self.lives[name], hold) for name, hold in got))

    @rule(taken=consumes(holds), share=st.integers(0, 100))
    def settle(self, taken, share):
        name, life, hold = taken
        if life == self.lives[name]:
            self.open[name].remove(hold)
            self.replicas[name].settle(hold, hold.fare.nanos * share // 100)

    @rule(name=names)
    def sync(self, name):
        self.do(self.replicas[name].leases.sync(NOW))

    @rule(name=names)
    def die_and_come_back(self, name):
        self.lives[name] += 1
        self.open[name].clear()
        self.do(self.replicas[name].restart())

    @rule(name=names, amount=st.integers(1, 120))
    def lose_an_answer(self, name, amount):
        self.store.loses_answers = True
        try:
            self.open[name].append(self.do(self.replicas[name].hold(amount)))
        except (LimitReached, Unavailable):
            pass
        finally:
            self.store.loses_answers = False

    @invariant()
    def never_more_than_the_limit(self):
        if not hasattr(self, "store"):
            return
        standings = self.store.standings(RECORD)
        assert sum(s.leased for s in standings.values()) <= self.limit
        for name, replica in self.replicas.items():
            account = replica.account
            if account is not None:
                assert account.spent == replica.booked
                assert account.needed <= account.leased <= standings[name].leased
        assert self.used <= self.limit

    @property
    def used(self):
        held = sum(hold.fare.nanos for holds in self.open.values() for hold in holds)
        return held + sum(replica.booked for replica in self.replicas.values())

    def everything_that_is_free_is_to_be_had(self):
        """By any replica, once all have spoken with the store."""
        for _ in range(2):
            for replica in self.replicas.values():
                self.do(replica.leases.sync(NOW))
        free = self.limit - self.used
        for replica in self.replicas.values():
            if free:
                self.do(with_syncs(self.replicas.values(), replica.hold(free))).void()
                for other in self.replicas.values():
                    self.do(other.leases.sync(NOW))


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
