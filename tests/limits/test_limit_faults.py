"""Faults that the simulator has found, each as small as it gets."""

from datetime import UTC, datetime

import pytest
from memory_store import MemoryStore
from test_limit_recall import ANN, NOW, RECORD, Counting, Replica, nanos, pair, usd

from gateway.core.errors import LimitReached
from gateway.core.limit import Limit, Span, Unit
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.stores.base import KEPT_S, Ask, Standing


def forget(store):
    """As a flush does; who looks next is told that the store is another one."""
    store._records.clear()
    store.epoch += 1


async def test_who_has_nothing_new_to_tell_tells_it_anew_to_a_store_that_forgot():
    store, one, two = pair()
    one.settle(await one.hold(60), 60)
    for _ in range(20):
        await one.leases.sync(NOW)
    forget(store)
    await one.leases.sync(NOW)
    with pytest.raises(LimitReached):
        await two.hold(50)
    told = store.exchanges
    await one.leases.sync(NOW)
    assert store.exchanges == told, "once is enough"


async def test_what_was_not_heard_by_the_new_store_is_told_again():
    store, one, _ = pair()
    one.settle(await one.hold(60), 60)
    await one.leases.sync(NOW)
    forget(store)
    store.down = True
    with pytest.raises(Exception, match="down"):
        await one.leases.sync(NOW)
    store.down = False
    await one.leases.sync(NOW)
    assert store.standings(RECORD)["a"].spent == 60


async def test_a_process_that_comes_back_to_a_store_that_forgot_tells_what_its_ledger_says():
    """Also on accounts that nobody has asked it for since."""
    store, one, two = pair()
    one.settle(await one.hold(60), 60)
    forget(store)
    one.start()
    await one.leases.resume({RECORD: one.booked})
    forget(store)  # And again, before anybody has asked it.
    await one.leases.sync(NOW)
    with pytest.raises(LimitReached):
        await two.hold(50)
    await two.hold(40)


async def test_a_process_that_comes_back_tells_nothing_of_windows_that_ended_long_ago():
    """Each told anew would be kept anew, as long as anybody comes back."""
    store, told = MemoryStore(exclusive=False), {}
    names = {span: f"all/usd/{span}@2026-03-01T00:00:00+00:00" for span in (Span.HOUR, Span.DAY, Span.MONTH)}
    await store.exchange("a", [Ask(name, 100, 5, 60, turn=1) for name in names.values()])

    async def resume(replica, spent, turn):
        told.update(spent)

    async def balances(asked):
        return dict.fromkeys(asked, 5)

    store.resume = resume
    third = datetime(2026, 3, 3, tzinfo=UTC).timestamp() + KEPT_S
    for later, spans in ((-3600, (Span.DAY, Span.MONTH)), (0, (Span.MONTH,)), (40 * 86_400, ())):
        told.clear()
        await Leases(store, "a", balances, lambda later=later: third + later).resume({})
        assert told == {names[span]: 5 for span in spans}


async def test_a_late_word_of_an_earlier_process_changes_nothing():
    """It would give back what the new one uses, or make the store deaf to it."""
    store, one, two = pair()
    for _ in range(9):
        (await one.hold(10)).void()
        await one.leases.sync(NOW)
    late = Ask(RECORD, 100, 0, 10, turn=store.standings(RECORD)["a"].turn + 5)
    await one.restart()
    await store.exchange("a", [late])
    await one.hold(70)
    await store.exchange("a", [late])
    with pytest.raises(LimitReached):
        await two.hold(40)
    await two.hold(30)


async def test_what_the_late_word_of_an_earlier_process_leased_is_given_back():
    store, one, two = pair()
    await one.restart()
    late = Ask(RECORD, 100, 0, 80, turn=7)
    await store.exchange("a", [late])
    await store.exchange("b", [Ask(RECORD, 100, 0, 90, least=90, turn=1)])
    await one.leases.sync(NOW)
    await store.exchange("a", [late])
    assert store.standings(RECORD)["a"].leased == 0
    await two.hold(90)


SECOND = Limit("all", Unit.USD, 100, Span.SECOND)


class Clocked:
    """A replica whose clock can be set."""

    def __init__(self, store, name="a"):
        self.now, self.replica = NOW, Replica(store, "ledger of " + name)
        self.leases = Leases(store, name, self.replica.balances)
        self.limits = Limits([SECOND], self.leases, lambda: self.now)

    async def hold(self, amount):
        return await self.limits.hold(ANN, nanos(amount))

    async def sync(self):
        await self.leases.sync(self.now)


async def test_what_is_left_of_a_window_that_has_ended_here_is_given_back_where_it_still_runs():
    """Clocks differ; of two that meet at a window's end one is ahead."""
    store = MemoryStore(exclusive=False)
    ahead, behind = Clocked(store, "a"), Clocked(store, "b")
    (await ahead.hold(80)).void()
    ahead.now += 1
    await ahead.sync()
    assert not list(ahead.leases.accounts)
    with pytest.raises(LimitReached):
        await behind.hold(90)
    await behind.leases._exchange(list(behind.leases.accounts))
    (account,) = behind.leases.accounts
    account.dry, account.waiting = None, [90]
    await behind.leases._exchange([account])
    await ahead.sync()
    await behind.leases._exchange([account])
    assert account.leased >= 90


async def test_a_clock_that_is_set_back_finds_the_account_that_calls_still_use():
    """Two of one window would each spend the whole lease."""
    only = Clocked(MemoryStore(exclusive=False))
    hold = await only.hold(60)
    for _ in range(3):
        only.now += 1
        (await only.hold(1)).void()
        await only.sync()
    only.now = NOW
    with pytest.raises(LimitReached):
        await only.hold(60)
    again = await only.hold(40)
    assert again.accounts == hold.accounts


async def test_a_clock_that_is_set_back_opens_anew_what_was_forgotten():
    """What is spent there must be told again."""
    store = Counting()
    only = Clocked(store)
    (await only.hold(60)).void()
    first = next(iter(only.leases.accounts))
    only.now += 1
    await only.sync()
    assert (first.open, first.available) == (False, 0)
    only.now = NOW
    hold = await only.hold(60)
    assert hold.accounts == (first,)
    hold.settle(nanos(50))
    await only.sync()
    assert store.standings(first.id)["a"].spent == 50


async def test_what_is_in_use_when_a_limit_becomes_smaller_is_not_leased_to_others():
    store, one, two = pair()
    held = [await replica.hold(40) for replica in (one, two)]
    for replica in (one, two):
        replica.chain.rule([usd(50)])
        await replica.leases.sync(NOW)
    assert sum(standing.leased for standing in store.standings(RECORD).values()) >= 80
    one.settle(held[0], 40)
    two.settle(held[1], 0)
    for replica in (one, two):
        await replica.leases.sync(NOW)
    with pytest.raises(LimitReached):
        await two.hold(11)
    await two.hold(10)


async def test_of_a_smaller_limit_nobody_takes_again_what_is_in_use_elsewhere():
    _store, one, two = pair()
    held = [await replica.hold(40) for replica in (one, two)]
    for replica in (one, two):
        replica.chain.rule([usd(50)])
        await replica.leases.sync(NOW)
    assert all(replica.account.available < 0 for replica in (one, two))
    held[0].void()
    with pytest.raises(LimitReached):
        await one.hold(11)
    await one.hold(10)


async def test_a_store_remembers_nothing_of_who_never_asked():
    store = MemoryStore(exclusive=False)
    await store.resume("a", {"x": 5}, 3)
    assert store.standings("x") == {"a": Standing(5, 5, turn=3)}


async def test_an_account_that_opens_while_it_is_being_given_back_keeps_what_it_leases():
    """Between the look into the ledger and the word to the store a call may come."""
    store, one, _two = pair()
    await store.exchange("a", [Ask(RECORD, 100, 0, 80, turn=7)])
    await store.exchange("b", [Ask(RECORD, 100, 0, 90, least=90, turn=1)])
    balances = one.leases._balances

    async def and_then_a_call_comes(names):
        one.leases._balances = balances
        await one.hold(20)
        return await balances(names)

    one.leases._balances = and_then_a_call_comes
    await one.leases.sync(NOW)
    assert store.standings(RECORD)["a"].leased >= 20
