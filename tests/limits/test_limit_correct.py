"""What was charged long ago may have come to less, or more: the account of that window hears of it, and no other."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Unavailable
from gateway.core.limit import Fare, Limit, OnReached, Span, Then, Unit
from gateway.core.rolling import record_of
from gateway.limits.accounts import Account
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.limits.windows import window_at

ANN = Caller(key_id="k1")
NOW = 1_800_000_000.0


class Store(MemoryStore):
    """As a Redis that is down, slow, or was flushed."""

    def __init__(self, **more):
        super().__init__(**more)
        self.down = self.slow = False
        self.bug = None
        self.asked = asyncio.Event()
        self.exchanges, self.asks = 0, []

    async def exchange(self, replica, asks):
        self.exchanges += 1
        self.asked.set()
        if self.slow:
            await asyncio.sleep(0.02)
        if self.down:
            raise Unavailable("down")
        if self.bug is not None:
            raise self.bug
        self.asks += asks
        return await super().exchange(replica, asks)

    def forget(self):
        self._records.clear()
        self.epoch += 1


class Ledger(Counter):
    """`silent`: it does not answer, and is `asked` all the same."""

    silent = False

    def __init__(self, booked):
        super().__init__(booked)
        self.asked = asyncio.Event()


class World:
    """One clock and one store for several replicas, which have spent nothing before."""

    def __init__(self, limit, *names):
        self.now = NOW
        self.limit, self.store = limit, Store(exclusive=len(names) < 2, clock=lambda: self.now)
        self.ledgers, self.leases, self.limits, self.lives = {}, {}, {}, 0
        for name in names:
            self.restart(name, {})

    def restart(self, name, booked):
        """Another process of that name, which has this in its ledger."""
        ledger = self.ledgers[name] = Ledger(booked)

        async def balances(accounts):
            ledger.asked.set()
            if ledger.silent:
                await asyncio.sleep(20)
                raise Unavailable("silent")
            return {account: ledger[account] for account in accounts if account in ledger}

        self.lives += 1
        self.leases[name] = Leases(self.store, name, balances, lambda: self.now, life=self.lives)
        self.limits[name] = Limits([self.limit], self.leases[name], lambda: self.now)

    async def spend(self, amount, name="a"):
        hold = await self.limits[name].hold(ANN, Fare(amount))
        charges = hold.settle(Fare(amount, concurrent=0))
        self.ledgers[name].update(dict(charges))
        return charges

    def correct(self, charges, amount, name="a"):
        corrections = tuple((book, amount) for book, _ in charges)
        self.ledgers[name].update(dict(corrections))
        self.limits[name].correct(corrections)

    @asynccontextmanager
    async def running(self, name):
        """This replica goes on syncing meanwhile."""
        task = asyncio.create_task(self.leases[name].run(lambda: self.now))
        yield
        task.cancel()
        await asyncio.wait([task])

    def account(self, name="a"):
        return next(iter(self.leases[name].accounts))


def usd(amount, span=Span.MONTH, **more):
    return Limit("all", Unit.USD, amount, span, **more)


ROLLING = usd(100, Span.ROLLING, rolling_s=60)


@pytest.mark.parametrize("limit", [usd(100), ROLLING], ids=["month", "rolling"])
async def test_what_came_to_less_may_be_spent_again(limit):
    world = World(limit, "a")
    charges = await world.spend(90)
    with pytest.raises(LimitReached):
        await world.spend(20)
    world.correct(charges, -80)
    assert world.account().spent == 10
    assert sum(world.account().booked.values()) == 10
    await world.spend(90)
    with pytest.raises(LimitReached):
        await world.spend(1)


async def test_what_came_to_more_counts_too():
    world = World(usd(100), "a")
    world.correct(await world.spend(10), 85)
    with pytest.raises(LimitReached):
        await world.spend(6)
    await world.spend(5)


async def test_a_window_that_has_ended_is_nothing_to_the_one_that_runs():
    world = World(usd(100, Span.HOUR), "a")
    charges = await world.spend(90)
    await world.leases["a"].sync(world.now)
    world.now += 7200
    await world.leases["a"].sync(world.now)
    await world.spend(50)
    world.correct(charges, -80)
    assert world.account().spent == 50


@pytest.mark.parametrize("later", [30, 200])
async def test_only_what_still_counts_of_a_rolling_window_is_corrected(later):
    world = World(ROLLING, "a")
    charges = await world.spend(60)
    world.now += later
    await world.spend(30)
    world.correct(charges, -50)
    assert world.account().spent == (40 if later == 30 else 30)


async def test_what_is_not_open_here_is_in_the_ledger_alone():
    world = World(usd(100), "a")
    world.limits["a"].correct((("all/usd/month@2020-01-01T00:00:00+00:00", -5),))
    assert not list(world.leases["a"].accounts)


async def test_who_waits_for_room_hears_of_it():
    world = World(usd(100, on_reached=OnReached(Then.QUEUE, wait_s=5)), "a")
    charges = await world.spend(90)
    stirred = []
    world.account().line.stir = lambda: stirred.append(1)
    world.correct(charges, -10)
    assert stirred


@pytest.mark.parametrize("limit", [usd(100), ROLLING], ids=["month", "rolling"])
@pytest.mark.parametrize("opened", [True, False], ids=["open", "after a restart"])
async def test_other_replicas_may_have_what_came_back(limit, opened):
    """Also where no call comes any more to the replica that had spent it."""
    world = World(limit, "a", "b")
    charges = await world.spend(90)
    await world.leases["a"].sync(world.now)
    with pytest.raises(LimitReached):
        await world.spend(20, "b")
    if not opened:
        world.restart("a", dict(charges))
        await world.leases["a"].resume({record_of(book, world.now): amount for book, amount in charges})
    world.correct(charges, -80)
    await world.leases["a"].sync(world.now)
    await world.leases["b"].sync(world.now)
    account = world.account("b")
    assert account.others.spent == 10
    async with world.running("a"):
        await world.spend(80, "b")
    with pytest.raises(LimitReached):
        await world.spend(11, "b")


async def restarted(limit, amount):
    """Two replicas, of which one has spent this, and has not opened the account since its restart."""
    world = World(limit, "a", "b")
    charges = await world.spend(amount)
    world.restart("a", dict(charges))
    await world.leases["a"].resume({record_of(book, world.now): spent for book, spent in charges})
    return world, charges


async def seen_by_b(world):
    await world.leases["b"].open([account := Account("all", world.limit, window_at(Span.MONTH, "UTC", world.now))])
    return account.others.spent


async def test_other_replicas_hear_what_came_to_more_where_no_call_comes_any_more():
    world, charges = await restarted(usd(100), 10)
    world.correct(charges, 85)
    await world.leases["a"].sync(world.now)
    assert await seen_by_b(world) == 95


async def test_what_came_back_is_told_though_the_store_did_not_answer_the_first_call():
    """The account is known then, and not open."""
    world, charges = await restarted(usd(100), 90)
    world.correct(charges, -50)
    world.store.down = True
    with pytest.raises(Unavailable):
        await world.spend(1)
    world.correct(charges, -30)
    world.store.down = False
    await world.spend(1)
    await world.leases["a"].sync(world.now)
    assert await seen_by_b(world) == 11


async def test_what_came_back_is_told_though_the_store_did_not_answer_and_no_call_comes():
    world, charges = await restarted(usd(100), 90)
    world.correct(charges, -80)
    world.store.down = True
    await world.leases["a"].sync(world.now)
    world.store.down = False
    await world.leases["a"].sync(world.now)
    assert await seen_by_b(world) == 10


async def opened_meanwhile(answers):
    """What came back was on its way to the store when a call opened the account. Returns how that went, too."""
    world, charges = await restarted(usd(100), 90)
    world.correct(charges, -80)
    world.store.down, world.store.slow = not answers, True
    world.store.asked.clear()
    telling = asyncio.create_task(world.leases["a"].sync(world.now))
    await world.store.asked.wait()
    opening = asyncio.create_task(world.spend(1))
    await asyncio.wait({telling, opening})
    return world, opening


@pytest.mark.parametrize("answers", [True, False])
async def test_what_comes_back_is_told_by_the_account_if_it_opens_meanwhile(answers):
    world, opening = await opened_meanwhile(answers)
    world.store.down = False
    await world.spend(1)
    await world.leases["a"].sync(world.now)
    assert await seen_by_b(world) == (12 if opening.exception() is None else 11)


@pytest.mark.parametrize("answers", [True, False])
async def test_what_comes_back_is_told_once_though_the_account_opens_meanwhile(answers):
    world, _ = await opened_meanwhile(answers)
    world.store.down = False
    await world.spend(1)
    assert sum(ask.back for ask in world.store.asks) == 80


async def test_who_stops_waits_for_no_ledger_that_is_asked_about_what_is_closed():
    world, charges = await restarted(usd(100), 90)
    world.correct(charges, -80)
    world.ledgers["a"].silent = True
    world.ledgers["a"].asked.clear()
    async with world.running("a"):
        await world.ledgers["a"].asked.wait()


async def test_what_goes_wrong_while_it_is_told_is_heard_of_and_what_came_back_is_told_all_the_same():
    """Not only a store that is down: nobody looked at anything else, and what was to be told was gone."""
    world, charges = await restarted(usd(100), 90)
    world.correct(charges, -80)
    world.store.bug = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await world.leases["a"].sync(world.now)
    world.store.bug = None
    await world.leases["a"].sync(world.now)
    assert await seen_by_b(world) == 10


async def test_what_came_back_in_a_window_that_has_ended_is_told_to_nobody():
    world = World(usd(100, Span.HOUR), "a", "b")
    charges = await world.spend(90)
    world.restart("a", dict(charges))
    world.now += 7200
    world.correct(charges, -80)
    before = world.store.exchanges
    await world.leases["a"].sync(world.now)
    assert world.store.exchanges == before


async def test_a_silent_ledger_holds_up_nothing_but_what_is_not_open_here():
    world, _ = await restarted(usd(100), 90)
    await world.spend(5)
    world.correct((("team:t/usd/month@2027-01-01T00:00:00+00:00", 0),), -5)
    world.ledgers["a"].silent = True
    for _ in range(3):
        await world.leases["a"].sync(world.now)
    account = world.account()
    account.hold(3)
    await world.leases["a"].sync(world.now)
    assert account.reported == (95, 3)


@pytest.mark.parametrize("why", ["corrected", "forgotten"])
async def test_what_is_told_of_a_rolling_window_where_no_call_comes_any_more_leaves_it(why):
    """Too much for a while, never too little, and not for ever."""
    world, charges = await restarted(ROLLING, 90)
    if why == "forgotten":
        world.store.forget()
    world.correct(charges, -80)
    await world.leases["a"].sync(world.now)
    (record,) = {record_of(book, world.now) for book, _ in charges}
    assert world.store.standings(record)["a"].spent == 10
    world.now += 62
    await world.leases["a"].sync(world.now)
    assert world.store.standings(record)["a"].spent == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 60), st.integers(0, 100)), max_size=12))
async def test_replicas_that_share_a_limit_never_overspend_it(steps):
    """What the store has heard to be spent stays leased to whoever spent it: so nobody else takes it meanwhile."""
    world, truth = World(usd(100), "a", "b"), 0
    for name, amount, percent in steps:
        try:
            charges = await world.spend(amount, name)
        except LimitReached:
            continue
        await world.leases[name].sync(world.now)
        back = amount * percent // 100
        world.correct(charges, -back, name)
        await world.leases[name].sync(world.now)
        truth += amount - back
        assert truth <= 100
        for owner, leases in world.leases.items():
            for account in leases.accounts:
                assert account.booked == {book: world.ledgers[owner][book] for book in account.booked}
        assert truth == sum(account.spent for leases in world.leases.values() for account in leases.accounts)
