"""What no other test noticed when it was changed (see `make mutate`)."""

import asyncio
from math import inf

import pytest
from memory_store import MemoryStore
from test_limit_recall import ANN, NOW, Counting, Replica, nanos, usd
from virtual import VirtualLoop

from gateway.core.errors import LimitReached
from gateway.core.limit import Limit, Mode, Span, Unit
from gateway.core.money import Money
from gateway.limits.accounts import CEILING, Account
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.limits.windows import window_at


def test_a_ceiling_is_an_account_that_needs_no_store():
    ceiling = Account.ceiling(Money.of_nanos(100))
    assert (ceiling.node, ceiling.limit.node, ceiling.limit.unit, ceiling.limit.amount) == (
        CEILING,
        CEILING,
        "usd",
        100,
    )
    assert (ceiling.limit.span, ceiling.window.start, ceiling.window.end) == (Span.LIFETIME, 0, inf)
    assert (ceiling.leased, ceiling.open, ceiling.own) == (100, True, True)
    assert ceiling.refusal(200, NOW).ceiling, "so that its words are others"


@pytest.mark.parametrize(("exclusive", "times"), [(True, 4), (False, 10)])
def test_a_store_is_told_as_often_as_others_need_it(exclusive, times):
    """In two seconds."""

    async def two_seconds():
        store = Counting()
        store.exclusive = exclusive
        leases = Leases(store, "a", Replica(store, "b").balances)
        limits = Limits([usd(10**6)], leases, lambda: NOW)
        running = asyncio.create_task(leases.run(lambda: NOW))
        hold = await limits.hold(ANN, nanos(1))
        before = store.exchanges
        for _ in range(200):
            hold.settle(nanos(1))
            hold = await limits.hold(ANN, nanos(1))
            await asyncio.sleep(0.01)
        running.cancel()
        return store.exchanges - before

    loop = VirtualLoop()
    assert loop.run_until_complete(two_seconds()) == pytest.approx(times, abs=1)
    loop.close()


async def test_a_store_that_nobody_shares_hears_what_is_held_too():
    store = MemoryStore()
    leases = Leases(store, "a", Replica(store, "b").balances)
    limits = Limits([usd(100)], leases, lambda: NOW)
    (await limits.hold(ANN, nanos(10))).settle(nanos(10))
    await limits.hold(ANN, nanos(30))
    await leases.sync(NOW)
    (account,) = leases.accounts
    assert store.standings(account.id)["a"].held == 30


async def test_rules_for_all_of_a_kind_change_what_is_running():
    store = MemoryStore()
    limits = Limits(
        [Limit("key:*", Unit.USD, 80, Span.LIFETIME), Limit("user:ann", Unit.USD, 90, Span.LIFETIME)],
        Leases(store, "a", Replica(store, "b").balances),
        lambda: NOW,
    )
    hold = await limits.hold(ANN, nanos(10))
    limits.rule([Limit("key:*", Unit.USD, 50, Span.LIFETIME)])
    assert {(a.node, a.limit.amount, a.limit.mode) for a in hold.accounts} == {
        ("key:k1", 50, Mode.HARD),
        ("user:ann", 90, Mode.SHADOW),
    }
    with pytest.raises(LimitReached):
        await limits.hold(ANN, nanos(41))


def test_a_window_is_named_by_its_start_in_its_own_time_zone():
    assert window_at(Span.HOUR, "Asia/Kolkata", NOW).label.endswith("+05:30")
    assert window_at(Span.MINUTE, "America/New_York", NOW).label == "2027-01-15T03:00:00-05:00"
