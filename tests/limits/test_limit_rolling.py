"""Rolling windows against a model that remembers every spending: never more than the limit in any window's time."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Reason, Unavailable
from gateway.core.limit import Fare, Limit, Span, Unit
from gateway.core.rolling import length, width
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases

ANN = Caller(key_id="k1", org="o", team="t", user="ann")
NOW = 1_800_000_000.0


def rolling(amount, seconds=60, **more):
    return Limit("all", Unit.USD, amount, Span.ROLLING, rolling_s=seconds, **more)


def nanos(amount):
    return Fare(nanos=amount)


class World:
    """Time, one store, and everything that was ever spent."""

    def __init__(self, limit, *names):
        self.now, self.limit = NOW, limit
        self.store = MemoryStore(exclusive=len(names) < 2, clock=self.clock)
        self.spendings = []
        self.replicas = {name: Replica(self, name) for name in names}

    def clock(self):
        return self.now

    def spent(self, since):
        return sum(amount for at, amount in self.spendings if at > since)

    @property
    def held(self):
        return sum(hold.fare.nanos for replica in self.replicas.values() for hold in replica.open)


class Replica:
    """One process, and its ledger."""

    def __init__(self, world, name):
        self.world, self.name, self.ledger = world, name, Counter()
        self.lives = -1
        self.start()

    def start(self):
        self.open = []
        self.lives += 1
        self.leases = Leases(self.world.store, self.name, self.balances, self.world.clock, life=self.lives)
        self.limits = Limits([self.world.limit], self.leases, self.world.clock)

    async def balances(self, names):
        return {name: self.ledger[name] for name in names if name in self.ledger}

    async def hold(self, amount):
        hold = await self.limits.hold(ANN, nanos(amount))
        hold.line = self.world.now, hold.charges_for(hold.fare)  # In the journal.
        self.open.append(hold)
        return hold

    def settle(self, hold, actual):
        self.open.remove(hold)
        self.book(self.world.now, hold.settle(nanos(actual)))

    def book(self, at, charges):
        for account, amount in charges:
            self.ledger[account] += amount
            self.world.spendings.append((at, amount))

    async def spend(self, amount):
        self.settle(await self.hold(amount), amount)

    async def restart(self):
        """Killed, and back: what it held is booked in full, at the moment that the journal tells."""
        for hold in self.open:
            self.book(*hold.line)
        self.start()
        await self.leases.resume({})

    @property
    def account(self):
        return next(iter(self.leases.accounts))


steps = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "hold", "settle", "settle", "void", "wait", "sync", "sync", "restart"]),
        st.sampled_from("abc"),
        st.integers(0, 120),
        st.sampled_from([0, 0, 0.1, 0.9, 1, 3.7, 20, 59, 61, 200]),
    ),
    max_size=40,
)


async def play(world, steps):
    """Any steps; after each one it holds that nothing is overspent."""
    limit, seconds = world.limit.amount, world.limit.rolling_s
    for what, name, amount, wait in steps:
        world.now += wait
        replica = world.replicas.get(name) or world.replicas["a"]
        if what == "hold":
            before = world.spent(world.now - seconds - width(seconds)) + world.held
            try:
                await replica.hold(amount)
            except LimitReached:
                assert len(world.replicas) > 1 or before + amount > limit, "refused what is free"
        elif what in ("settle", "void") and replica.open:
            replica.settle(replica.open[0], replica.open[0].fare.nanos * min(amount, 100) // 100 * (what == "settle"))
        elif what == "sync":
            await replica.leases.sync(world.now)
        elif what == "restart":
            await replica.restart()
        assert world.spent(world.now - seconds) + world.held <= limit
        for each in world.replicas.values():
            for account in each.leases.accounts:
                assert all(each.ledger[name] == spent for name, spent in account.booked.items())
                assert sum(account.booked.values()) == account.spent
                assert account.needed <= account.leased


@settings(max_examples=300, deadline=None)
@given(steps, st.integers(1, 200), st.sampled_from([10, 60, 61, 100]))
async def test_one_process_never_overspends_and_never_refuses_what_is_free(steps, amount, seconds):
    await play(World(rolling(amount, seconds), "a"), steps)


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(1, 200))
async def test_several_replicas_never_overspend_together(steps, amount):
    world = World(rolling(amount, 60), "a", "b", "c")
    await play(world, steps)
    world.now += 200
    for replica in world.replicas.values():
        for hold in list(replica.open):
            replica.settle(hold, 0)
    world.now += 200
    for replica in world.replicas.values():
        for each in [*world.replicas.values()] * 2:
            await each.leases.sync(world.now)
        replica.settle(await with_syncs(world, replica.hold(amount)), 0)


class Failing(MemoryStore):
    down = False

    async def exchange(self, replica, asks):
        if self.down:
            raise Unavailable("down")
        return await super().exchange(replica, asks)

    async def wanted(self, replica):
        if self.down:
            raise Unavailable("down")
        return await super().wanted(replica)


def without_store(limit, *names):
    world = World(limit)
    world.store = Failing(exclusive=False, clock=world.clock)
    world.replicas = {name: Replica(world, name) for name in names}
    return world


outages = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "hold", "settle", "settle", "void", "wait", "sync", "turn"]),
        st.sampled_from("abc"),
        st.integers(0, 60),
        st.sampled_from([0, 0, 0, 0.9, 3.7, 20, 61]),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(outages, st.integers(1, 100), st.integers(1, 40))
async def test_without_the_store_no_more_is_spent_in_a_window_than_each_may_borrow(steps, amount, outage):
    world = without_store(rolling(amount, 60, outage=outage), "a", "b", "c")
    for what, name, much, wait in steps:
        world.now += wait
        replica = world.replicas[name]
        with suppress(LimitReached, Unavailable):
            if what == "hold":
                await replica.hold(much)
            elif what in ("settle", "void") and replica.open:
                replica.settle(replica.open[0], replica.open[0].fare.nanos if what == "settle" else 0)
            elif what == "sync":
                await replica.leases.sync(world.now)
            elif what == "turn":
                world.store.down = not world.store.down
        assert world.spent(world.now - 60) + world.held <= amount + 3 * outage


async def test_what_may_be_borrowed_without_the_store_may_be_again_once_so_much_has_left_the_window():
    world = without_store(rolling(100, 60, outage=8), "a", "b")
    one, two = world.replicas.values()
    await one.spend(50)
    await one.leases.sync(world.now)
    await with_syncs(world, two.hold(50))
    world.store.down = True
    for _ in range(3):
        await one.spend(8)
        with pytest.raises(Unavailable):
            await one.hold(1)
        world.now += 61
    long = await one.hold(8)
    world.now += 61
    with pytest.raises(Unavailable):
        await one.hold(1)
    one.settle(long, 8)
    assert one.account.lent == 8, "it counts from its end on"


async def test_no_more_may_be_borrowed_again_than_has_left():
    world = without_store(rolling(100, 60, outage=8), "a", "b")
    one, two = world.replicas.values()
    await one.spend(3)
    await one.hold(47)
    await one.leases.sync(world.now)
    await with_syncs(world, two.hold(50))
    world.store.down = True
    await one.hold(8)
    world.now += 61
    with pytest.raises(Unavailable):
        await one.hold(4)
    await one.hold(3)
    assert one.account.held == 50 + 8


async def with_syncs(world, work):
    async def sync_often():
        while True:
            for replica in world.replicas.values():
                await replica.leases.sync(world.now)
            await asyncio.sleep(0.01)

    syncing = asyncio.create_task(sync_often())
    try:
        return await work
    finally:
        syncing.cancel()
        await asyncio.gather(syncing, return_exceptions=True)


async def test_what_was_spent_leaves_after_the_window_and_not_before():
    world = World(rolling(100, 60), "a")
    (one,) = world.replicas.values()
    await one.spend(60)
    world.now += 30
    await one.spend(40)
    with pytest.raises(LimitReached) as refused:
        await one.hold(1)
    told = refused.value.refusal
    assert (told.window, told.reason, told.resets_in_s) == ("rolling 1m", Reason.EXHAUSTED, 31)
    assert told.resets_at == "2027-01-15T08:01:01+00:00"
    assert refused.value.retry_after_s == 32
    world.now += 30.9
    with pytest.raises(LimitReached):
        await one.hold(1)
    world.now += 0.1
    await one.spend(60)
    with pytest.raises(LimitReached):
        await one.hold(1)


async def test_a_call_counts_while_it_runs_however_long_and_then_for_a_window():
    """A stream of three windows' length: it is spent when it ends."""
    world = World(rolling(100, 60), "a")
    (one,) = world.replicas.values()
    hold = await one.hold(70)
    world.now += 180
    hold.raise_to(nanos(80), world.now)
    (opened,) = hold.charges_for(hold.fare)
    with pytest.raises(LimitReached):
        await one.hold(21)
    world.now += 0.5
    one.settle(hold, 75)
    assert set(one.ledger) == {opened[0]}, "both lines of the journal name the bucket of their moment"
    world.now += 60
    with pytest.raises(LimitReached) as refused:
        await one.hold(26)
    assert refused.value.refusal.spent == "$0.000000075"
    world.now += 0.5
    await one.hold(100)


async def test_a_lease_that_was_forced_by_a_cost_above_the_hold_is_not_kept_when_it_leaves():
    world = World(rolling(100, 60), "a", "b")
    one, two = world.replicas.values()
    one.settle(await one.hold(50), 90)
    await one.leases.sync(world.now)
    await with_syncs(world, two.hold(10))
    with pytest.raises(LimitReached):
        await two.hold(1)
    world.now += 62
    assert not one.account.refuses(0)
    assert (one.account.spent, one.account.leased) == (0, 0 + one.account.available)
    assert one.account.leased + two.account.leased <= 100


async def test_what_leaves_while_the_store_is_asked_is_not_granted_by_its_answer():
    """It was leased only because it was spent: the other one has the rest."""

    class Slow(MemoryStore):
        async def exchange(self, replica, asks):
            words = await super().exchange(replica, asks)
            if self.asked is not None:
                world.now += 60.5
                self.asked.roll()
            return words

        asked = None

    world = World(rolling(100, 60), "a", "b")
    world.store = store = Slow(exclusive=False, clock=world.clock)
    one, two = world.replicas["a"], world.replicas["b"] = Replica(world, "a"), Replica(world, "b")
    two_holds = await two.hold(50)
    one.settle(await one.hold(25), 90)
    world.now += 0.5
    store.asked = one.account
    await one.leases.sync(world.now)
    store.asked = None
    assert (one.account.spent, one.account.leased, one.account.fallen) == (0, one.account.available, 90)
    assert one.account.leased + two_holds.fare.nanos <= 100
    await one.leases.sync(world.now)
    assert one.account.fallen == 0
    await with_syncs(world, one.hold(50))


async def test_what_is_left_is_asked_for_again_though_nobody_was_refused():
    world = World(rolling(100, 60), "a", "b")
    one, two = world.replicas.values()
    await one.spend(100)
    await one.leases.sync(world.now)
    assert (await two.limits.remaining(ANN)).nanos_up == 0
    world.now += 61
    await one.leases.sync(world.now)
    await two.leases.sync(world.now)
    assert (await two.limits.remaining(ANN)).nanos_up == 100


async def test_what_others_have_spent_is_asked_for_again_once_it_may_have_left():
    """The picture that one has of the others is that of the last word: it must not refuse by it for ever."""
    world = World(rolling(100, 60), "a", "b")
    one, two = world.replicas.values()
    await one.spend(100)
    await one.leases.sync(world.now)
    with pytest.raises(LimitReached) as refused:
        await two.hold(50)
    assert refused.value.refusal.resets_in_s == 61
    assert refused.value.refusal.reason is Reason.EXHAUSTED
    world.now += 61
    await one.leases.sync(world.now)
    await two.leases.sync(world.now)
    assert two.account.left == 100
    await two.hold(50)


async def test_what_others_have_spent_is_refused_once_the_store_has_said_so():
    """What has left is told within a moment, and nobody waits for that: who is refused had the store's word."""

    class Counting(MemoryStore):
        asked = 0

        async def exchange(self, replica, asks):
            self.asked += 1
            return await super().exchange(replica, asks)

    world = World(rolling(100, 60), "a", "b")
    world.store = store = Counting(exclusive=False, clock=world.clock)
    one, two = world.replicas["a"], world.replicas["b"] = Replica(world, "a"), Replica(world, "b")
    await one.spend(90)
    await one.leases.sync(world.now)
    await two.limits.accounts(ANN)
    for _ in range(3):
        asked = store.asked
        with pytest.raises(LimitReached) as refused:
            await two.hold(50)
        assert refused.value.refusal.reason is Reason.EXHAUSTED
        assert store.asked == asked + 1
    world.now += 61
    await one.leases.sync(world.now)
    await two.hold(100)


async def test_a_growing_call_of_the_only_replica_asks_again_when_something_has_left():
    world = World(rolling(100, 60), "a")
    (one,) = world.replicas.values()
    await one.spend(60)
    hold = await one.hold(40)
    assert one.limits.wait_for_room(hold, nanos(50)) is None
    world.now += 61
    with pytest.raises(LimitReached):
        hold.raise_to(nanos(90), world.now)
    await one.limits.wait_for_room(hold, nanos(90))
    hold.raise_to(nanos(90), world.now)


async def test_a_store_that_fails_leaves_what_has_fallen_to_be_asked_for():
    world = World(rolling(100, 60), "a")
    world.store = Failing(clock=world.clock)
    one = Replica(world, "a")
    await one.spend(100)
    await one.leases.sync(world.now)
    world.now += 61
    world.store.down = True
    with pytest.raises(Unavailable):
        await one.leases.sync(world.now)
    assert one.account.behind
    world.store.down = False
    await one.hold(100)


async def test_a_restart_finds_what_is_still_in_the_window():
    world = World(rolling(100, 60), "a")
    (one,) = world.replicas.values()
    await one.spend(30)
    world.now += 40
    await one.spend(20)
    await one.restart()
    await one.limits.accounts(ANN)
    assert one.account.spent == 50
    world.now += 30
    await one.restart()
    await one.limits.accounts(ANN)
    assert one.account.spent == 20
    world.now += 100
    await one.restart()
    await one.limits.accounts(ANN)
    assert one.account.spent == 0


async def test_what_a_process_left_behind_counts_until_it_has_left_though_the_process_never_speaks_of_it_again():
    world = World(rolling(100, 60), "a", "b")
    one, two = world.replicas.values()
    await one.spend(70)
    await one.restart()
    with pytest.raises(LimitReached):
        await two.hold(31)
    world.now += 62
    await two.leases.sync(world.now)
    await two.hold(100)


async def test_a_limit_of_another_amount_rules_the_same_account():
    world = World(rolling(100, 60), "a")
    (one,) = world.replicas.values()
    await one.spend(80)
    one.limits.rule([rolling(90, 60)])
    with pytest.raises(LimitReached):
        await one.hold(11)
    await one.hold(10)


async def test_two_rolling_windows_of_one_node_are_two_limits():
    world = World(rolling(100, 60), "a")
    limits = Limits([rolling(100, 60), rolling(300, 600)], world.replicas["a"].leases, world.clock)
    accounts = await limits.accounts(ANN)
    assert [account.id for account in accounts] == ["all/usd/rolling 1m@rolling", "all/usd/rolling 10m@rolling"]
    assert [length(account.book) for account in accounts] == [60, 600]


async def test_a_clock_that_is_set_back_lets_nothing_leave_early():
    world = World(rolling(100, 60), "a")
    (one,) = world.replicas.values()
    await one.spend(50)
    world.now -= 30
    await one.spend(50)
    world.now += 60
    with pytest.raises(LimitReached):
        await one.hold(1)
    world.now += 31
    await one.hold(100)


async def test_a_process_whose_clock_is_wrong_looks_at_the_store_before_it_counts_buckets():
    """It would find none of its own, a day ahead of them."""

    class Telling(MemoryStore):
        async def wanted(self, replica):
            world.ahead = 0
            return await super().wanted(replica)

    world = World(rolling(100, 60), "a", "b")
    world.store = Telling(exclusive=False, clock=world.clock)
    one, two = world.replicas["a"], world.replicas["b"] = Replica(world, "a"), Replica(world, "b")
    await one.spend(70)
    world.ahead = 86400
    one.start()
    one.leases = Leases(world.store, "a", one.balances, lambda: world.now + world.ahead, life=1)
    await one.leases.resume({})
    with pytest.raises(LimitReached):
        await two.hold(31)
