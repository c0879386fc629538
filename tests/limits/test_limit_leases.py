"""Leases: balances are loaded once, spending is reported, ended windows are forgotten; over every store."""

import asyncio
from contextlib import suppress

import pytest
from memory_store import MemoryStore

from gateway.core.errors import Unavailable
from gateway.core.limit import Limit, Span, Unit
from gateway.ledger.balances import Balances
from gateway.limits import leases as leases_module
from gateway.limits.accounts import Account
from gateway.limits.leases import Leases
from gateway.limits.windows import Window, window_at
from gateway.stores.base import Ask
from gateway.stores.sqlite import SqliteStore

HOUR = Window("h", 0.0, 3600.0)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "state.db")
    yield made
    if request.param == "sqlite":
        made.close()


class Ledger:
    def __init__(self, spent=None):
        self.spent = spent or {}
        self.calls = 0

    async def __call__(self, names):
        self.calls += 1
        await asyncio.sleep(0.001)
        return {name: self.spent[name] for name in names if name in self.spent}


def account(node="all", amount=100, window=HOUR):
    return Account(node, Limit(node, Unit.USD, amount, Span.HOUR), window)


async def standing(store, account):
    """What the store says of r1, asked without changing anything."""
    (now,) = await store.exchange("r1", [Ask(account.id, account.limit.amount, 0, account.limit.amount)])
    return now


async def test_opening_loads_the_balance_and_leases_the_whole_limit(store):
    fresh = account()
    leases = Leases(store, "r1", Ledger({fresh.id: 30}))
    await leases.open([fresh])
    assert (fresh.open, fresh.spent, fresh.leased, fresh.available) == (True, 30, 100, 70)
    assert list(leases.accounts) == [fresh]


async def test_opening_many_times_at_once_loads_a_balance_once(store):
    """A second load would forget what was spent since the first."""
    fresh, ledger = account(), Ledger()
    leases = Leases(store, "r1", ledger)

    async def call():
        await leases.open([fresh])
        fresh.hold(1)
        fresh.settle(1, 1)

    await asyncio.gather(*(call() for _ in range(10)))
    assert (ledger.calls, fresh.spent) == (1, 10)


async def test_a_balance_above_the_limit_leaves_nothing_and_is_not_cut(store):
    fresh = account(amount=100)
    await Leases(store, "r1", Ledger({fresh.id: 130})).open([fresh])
    assert (fresh.spent, fresh.leased, fresh.available) == (130, 130, 0)


async def test_what_was_spent_is_reported_once(store):
    fresh = account()
    leases = Leases(store, "r1", Ledger())
    await leases.open([fresh])
    fresh.hold(40)
    fresh.settle(40, 40)
    await leases.sync(0.0)
    assert fresh.reported == (40, 0)
    assert (await standing(store, fresh)).spent == 40


async def test_a_report_without_news_does_not_ask_the_store():
    class Counting(MemoryStore):
        calls = 0

        async def exchange(self, replica, asks):
            self.calls += 1
            return await super().exchange(replica, asks)

    store, fresh = Counting(), account()
    leases = Leases(store, "r1", Ledger())
    await leases.open([fresh])
    await leases.sync(0.0)
    assert store.calls == 1
    fresh.settle(0, 1)
    await leases.sync(0.0)
    await leases.sync(0.0)
    assert store.calls == 2


async def test_a_restarted_replica_goes_on_where_its_books_end(store):
    """A new process of the same name opens the account anew, from the ledger's balance."""
    first = account()
    await Leases(store, "r1", Ledger()).open([first])
    first.hold(60)
    first.settle(60, 60)
    again = account()
    await Leases(store, "r1", Ledger({again.id: 60})).open([again])
    assert again.available == 40


async def test_windows_that_ended_are_forgotten_when_no_call_is_in_them(store):
    done, busy, running = account("all"), account("team:a"), account("team:b", window=Window("n", 0.0, 9000.0))
    leases = Leases(store, "r1", Ledger())
    await leases.open([done, busy, running])
    busy.hold(5)
    await leases.sync(3599.9)
    assert set(leases.accounts) == {done, busy, running}
    await leases.sync(3600.0)
    assert set(leases.accounts) == {busy, running}
    busy.settle(5, 5)
    await leases.sync(3601.0)
    assert set(leases.accounts) == {running}
    assert (await standing(store, busy)).spent == 5


class Broken(MemoryStore):
    """Fails while `down`, and every time counts."""

    down = False
    calls = 0

    async def exchange(self, replica, asks):
        self.calls += 1
        if self.down:
            raise Unavailable("down")
        return await super().exchange(replica, asks)


async def test_a_failing_store_leaves_an_account_closed_and_it_can_be_opened_later():
    store, fresh = Broken(), account()
    store.down = True
    leases = Leases(store, "r1", Ledger())
    with pytest.raises(Unavailable):
        await leases.open([fresh])
    assert not fresh.open
    assert list(leases.accounts) == []
    store.down = False
    await leases.open([fresh])
    assert fresh.available == 100


async def test_a_failing_ledger_leaves_an_account_closed():
    async def broken(names):
        raise Unavailable("no ledger")

    fresh = account()
    with pytest.raises(Unavailable):
        await Leases(MemoryStore(), "r1", broken).open([fresh])
    assert not fresh.open


async def until(true):
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.001)


async def test_reporting_goes_on_after_the_store_was_away(monkeypatch):
    monkeypatch.setattr(leases_module, "REPORT_EVERY_S", 0.001)
    store, fresh = Broken(), account()
    leases = Leases(store, "r1", Ledger())
    await leases.open([fresh])
    fresh.spent, store.down = 9, True
    reporting = asyncio.create_task(leases.run(lambda: 0.0))
    await until(lambda: store.calls >= 4)
    assert not reporting.done()
    assert fresh.reported == (0, 0)
    store.down = False
    await until(lambda: fresh.reported == (9, 0))
    reporting.cancel()
    with suppress(asyncio.CancelledError):
        await reporting


NOON = 1767268800.0  # 2026-01-01T12:00Z


class Silent:
    """A ledger that says nothing until it is given up."""

    def __init__(self):
        self.asked, self.given_up = [], asyncio.Event()

    async def ask(self, names):
        self.asked += names
        await self.given_up.wait()
        raise Unavailable("silent")


def window_of(node, span, now):
    return Account(node, Limit(node, Unit.USD, 100, span), window_at(span, "UTC", now))


async def test_nobody_whose_window_is_new_waits_for_a_ledger_that_is_silent():
    """Not even on an account that a call shares which has to ask."""
    ledger = Silent()
    balances = Balances(ledger.ask, NOON)
    leases = Leases(MemoryStore(), "r1", balances.of, lambda: NOON + 60, is_new=balances.is_new)
    minutes = [window_of(f"key:{name}", Span.MINUTE, NOON + 60) for name in "abc"]
    month = window_of("key:a", Span.MONTH, NOON)
    old = asyncio.create_task(leases.open([minutes[0], month]))
    await until(lambda: ledger.asked)
    await leases.open(minutes)
    await asyncio.gather(*(leases.open([one]) for one in minutes))
    assert all(one.open and one.available == 100 for one in minutes)
    behind = asyncio.create_task(leases.open([month]))
    await asyncio.sleep(0)
    ledger.given_up.set()
    for task in (old, behind):
        with pytest.raises(Unavailable):
            await task
    assert ledger.asked == [month.id]


async def test_a_new_window_that_could_not_be_opened_is_asked_for():
    """By then it may have been charged."""
    store, ledger, now = Broken(), Ledger(), NOON + 60
    balances = Balances(ledger, NOON)
    leases = Leases(store, "r1", balances.of, lambda: now, is_new=balances.is_new)
    minute = window_of("key:a", Span.MINUTE, now)
    store.down = True
    with pytest.raises(Unavailable):
        await leases.open([minute])
    store.down = False
    ledger.spent[minute.id] = 30
    await leases.open([minute])
    assert (ledger.calls, minute.spent, minute.available) == (1, 30, 70)
