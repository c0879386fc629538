"""A store that does not answer, or forgot: what may be spent meanwhile, and what is told it afterwards."""

import asyncio
from contextlib import suppress

import pytest
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Unavailable
from gateway.core.limit import Fare, Limit, Mode, Span, Unit
from gateway.limits.accounts import Account
from gateway.limits.chain import Limits
from gateway.limits.leases import SYNC_EVERY_S, Leases
from gateway.limits.windows import Window
from gateway.stores.base import Ask

ALWAYS = Window("always", 0.0, float("inf"))
ANN = Caller(key_id="k1", org="o", team="t", user="ann")
RECORD = "all/usd/lifetime@always"


class Troubled(MemoryStore):
    """As a Redis that is down, or was flushed."""

    def __init__(self):
        super().__init__(exclusive=False)
        self.down = False
        self.asked = 0

    def forget(self):
        self._records.clear()
        self.epoch += 1

    async def exchange(self, replica, asks):
        self.asked += 1
        await asyncio.sleep(0.001)
        if self.down:
            raise Unavailable("down")
        return await super().exchange(replica, asks)

    async def wanted(self, replica):
        if self.down:
            raise Unavailable("down")
        return await super().wanted(replica)


def usd(amount, **more):
    return Limit("all", Unit.USD, amount, Span.LIFETIME, **more)


def nanos(amount):
    return Fare(nanos=amount, output_tokens=0)


async def nothing_spent(names):
    return {}


def gateway(store, *limits, balances=nothing_spent):
    leases = Leases(store, "r1", balances)
    return leases, Limits(limits, leases, lambda: 0.0)


async def test_a_replica_that_rests_tells_a_store_that_forgot_what_it_has_leased():
    store = Troubled()
    leases = Leases(store, "r1", nothing_spent)
    account = Account("all", usd(100), ALWAYS)
    await leases.open([account])
    await leases.sync(0)
    leased = account.leased
    assert leased
    store.forget()
    await leases.sync(0)
    assert store.standings(account.id)["r1"].leased == leased
    asked = store.asked
    await leases.sync(0)
    assert store.asked == asked, "once is enough"


async def test_without_a_rule_what_is_leased_is_all():
    store = Troubled()
    leases, limits = gateway(store, usd(100))
    await limits.accounts(ANN)
    store.down = True
    await limits.hold(ANN, nanos(50))
    with pytest.raises(Unavailable):
        await limits.hold(ANN, nanos(1))
    assert not leases.lent


async def test_so_much_is_allowed_in_a_window_however_often_the_store_goes():
    store = Troubled()
    leases, limits = gateway(store, usd(100, outage=8))
    (account,) = await limits.accounts(ANN)
    await store.exchange("other", [Ask(RECORD, 100, 0, 50)])
    store.down = True
    held = await limits.hold(ANN, nanos(50))
    more = await limits.hold(ANN, nanos(5))
    assert (account.leased, account.lent, leases.lent) == (55, 5, {"all/usd/lifetime": 5})
    with pytest.raises(Unavailable):
        await limits.hold(ANN, nanos(4))
    more.void()
    await limits.hold(ANN, nanos(5))
    assert account.lent == 5, "what was borrowed and not spent is there for the next one"
    held.settle(nanos(50))
    store.down = False
    await leases.sync(0)
    assert (account.leased, account.spent, account.held) == (50, 50, 5)
    store.down = True
    with pytest.raises(Unavailable):
        await limits.hold(ANN, nanos(4))


async def test_a_window_that_begins_without_the_store_has_only_what_is_allowed():
    store = Troubled()
    store.down = True

    async def balances(names):
        return dict.fromkeys(names, 30)

    leases, limits = gateway(store, usd(100, outage=8), balances=balances)
    await limits.hold(ANN, nanos(8))
    with pytest.raises(Unavailable):
        await limits.hold(ANN, nanos(1))
    store.down = False
    await leases.sync(0)
    (account,) = await limits.accounts(ANN)
    assert (account.spent, account.held, store.standings(RECORD)["r1"].spent) == (30, 8, 30)


async def test_a_window_of_a_limit_that_refuses_does_not_begin_without_the_store():
    store = Troubled()
    store.down = True
    _, limits = gateway(store, usd(100))
    with pytest.raises(Unavailable):
        await limits.hold(ANN, nanos(1))


@pytest.mark.parametrize("mode", [Mode.SOFT, Mode.SHADOW])
async def test_a_limit_that_never_refuses_needs_no_store(mode):
    store = Troubled()
    store.down = True
    _, limits = gateway(store, usd(100, mode=mode))
    await limits.hold(ANN, nanos(500))


async def test_the_only_replica_gets_nothing_without_its_store():
    class Broken(MemoryStore):
        async def exchange(self, replica, asks):
            raise Unavailable("down")

    _, limits = gateway(Broken(), usd(100, outage=8))
    with pytest.raises(Unavailable):
        await limits.hold(ANN, nanos(1))


async def test_of_many_that_wait_one_asks_a_store_that_is_down():
    store = Troubled()
    store.down = True
    _, limits = gateway(store, usd(100))
    answers = await asyncio.gather(*(limits.hold(ANN, nanos(1)) for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    assert store.asked == 1


async def test_what_was_not_to_be_had_is_not_known_any_more_once_the_store_is_down():
    """Whoever asks then is told that the store is down, not that others hold the rest."""
    store = Troubled()
    leases, limits = gateway(store, usd(100))
    (account,) = await limits.accounts(ANN)
    await store.exchange("other", [Ask(RECORD, 100, 0, 50)])
    await limits.hold(ANN, nanos(50))
    with pytest.raises(LimitReached):
        await limits.hold(ANN, nanos(10))
    store.down = True
    running = asyncio.create_task(leases.run(lambda: 0.0))
    await asyncio.sleep(3 * SYNC_EVERY_S)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert account.dry is None
    with pytest.raises(Unavailable):
        await limits.hold(ANN, nanos(10))


async def test_what_is_settled_while_a_window_that_ended_is_told_is_told_too():
    store = Troubled()
    leases = Leases(store, "r1", nothing_spent)
    account = Account("all", usd(100), Window("over", 0.0, 1.0))
    await leases.open([account])
    account.hold(10)
    telling = asyncio.create_task(leases.sync(2))
    await asyncio.sleep(0)
    account.settle(10, 7)
    await telling
    await leases.sync(2)
    assert store.standings(account.id)["r1"].spent == 7
    assert not list(leases.accounts)


async def test_a_new_process_is_heard_though_the_store_lost_that_it_is_one():
    """As after a failover to a replica that lacks it: the numbers of the process before must not be larger."""
    store = Troubled()
    before = Leases(store, "r1", nothing_spent)
    account = Account("all", usd(100), ALWAYS)
    await before.open([account])
    for spent in range(20):
        account.spent = spent
        await before.sync(0)

    async def balances(names):
        return dict.fromkeys(names, 30)

    await Leases(store, "r1", balances, life=1).open([Account("all", usd(100), ALWAYS)])
    assert store.standings(RECORD)["r1"].spent == 30
