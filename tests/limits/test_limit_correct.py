"""What was charged long ago may have come to less, or more: the account of that window hears of it, and no other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached
from gateway.core.limit import Fare, Limit, OnReached, Span, Then, Unit
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.stores.memory import MemoryStore

ANN = Caller(key_id="k1")
NOW = 1_800_000_000.0


class World:
    """One clock and one store for several replicas, which have spent nothing before."""

    def __init__(self, limit, *names):
        self.now = NOW
        store = MemoryStore(exclusive=len(names) < 2, clock=lambda: self.now)
        self.leases = {name: Leases(store, name, self.nothing, lambda: self.now) for name in names}
        self.limits = {name: Limits([limit], leases, lambda: self.now) for name, leases in self.leases.items()}

    async def nothing(self, names):
        return {}

    async def spend(self, amount, name="a"):
        hold = await self.limits[name].hold(ANN, Fare(amount), patient=False)
        return hold.settle(Fare(amount, concurrent=0))

    def correct(self, charges, amount, name="a"):
        self.limits[name].correct(tuple((book, amount) for book, _ in charges))

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
        assert truth == sum(account.spent for leases in world.leases.values() for account in leases.accounts)
