"""How fast a budget burns: what a steady, an early, a late and a stopped spending say of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.limit import Fare, Limit, Mode, Span, Unit
from gateway.limits.burn import BURN_MAX, Spending
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.stores.base import Standing

ANN = Caller(key_id="k1", org="o", team="t", user="ann")
DAY = 86400
START = 20_000.0 * DAY
AMOUNT = 10**9


class World:
    """Limits, a clock, and money that is spent."""

    def __init__(self, *limits, now=START, spent=None):
        self.now, self.spent = now, spent or {}
        self.limits = Limits(limits, Leases(MemoryStore(), "r1", self.balances, lambda: self.now), lambda: self.now)

    async def balances(self, names):
        return {name: self.spent[name] for name in names if name in self.spent}

    async def spend(self, amount, *, after=0.0):
        self.now += after
        hold = await self.limits.hold(ANN, Fare(amount))
        hold.settle(Fare(amount))

    def burn(self, *, after=0.0):
        self.now += after
        return self.limits.burn(ANN)


def usd(span=Span.DAY, amount=AMOUNT, node="key:k1", **more):
    return Limit(node, Unit.USD, amount, span, **more)


async def steady(world, pace, hours, per_hour=12, length_h=24):
    """Spend so many times what the budget lasts at, for so long; the pace that was seen at the end of each hour."""
    seen = []
    for _ in range(hours):
        for _ in range(per_hour):
            await world.spend(round(AMOUNT * pace / length_h / per_hour), after=3600 / per_hour)
        seen.append(world.burn())
    return seen


async def test_nothing_is_known_without_a_budget_or_before_it_is_open():
    assert World().burn() is None
    world = World(usd())
    assert world.burn() is None
    await world.limits.remaining(ANN)
    assert world.burn(after=1) == pytest.approx(1, abs=0.01)


async def test_only_hard_budgets_in_dollars_with_a_window_count_and_the_fastest_of_them():
    small = usd(amount=AMOUNT // 2, node="team:t")
    others = [
        usd(Span.LIFETIME, 10, node="org:o", mode=Mode.SOFT),
        usd(Span.MONTH, 10, node="user:ann", mode=Mode.SOFT),
        usd(Span.LIFETIME, 10**12, node="all"),
        Limit("key:k1", Unit.TOKENS, 10**9, Span.DAY),
    ]
    world = World(usd(), small, *others)
    alone = World(small)
    for one in (world, alone):
        await one.spend(0)
        one.burn(after=1)
        await one.spend(AMOUNT // 10, after=600)
    assert world.burn(after=600) == alone.burn(after=600) > 2
    none = World(*others)
    await none.spend(5)
    assert none.burn() is None


async def test_at_a_steady_pace_of_one_it_says_one_all_day():
    seen = await steady(World(usd()), 1.0, 23)
    assert seen == pytest.approx([1.0] * 23, abs=0.05)


async def test_at_twice_the_pace_it_says_so_soon_and_more_and_more():
    """What is left has to last for the rest of the day."""
    seen = await steady(World(usd()), 2.0, 11)
    assert 1.5 < seen[0] < 2
    assert 1.9 < seen[2] < 2.6
    assert seen == sorted(seen)
    assert seen[-1] > 8


async def test_a_fire_late_in_a_quiet_day_is_seen_at_once_and_forgotten_when_it_is_out():
    world = World(usd())
    await world.spend(0)
    await steady(world, 0.1, 18)
    assert world.burn() < 0.2
    (fire,) = await steady(world, 8.0, 1)
    assert fire > 1.2
    assert (await steady(world, 0.1, 4))[-1] < 0.2


@pytest.mark.parametrize("after", [0.0, 1.0, 60.0])
async def test_one_call_early_in_a_window_is_no_fire(after):
    """One per cent of the day's budget at once."""
    world = World(usd())
    await world.spend(0)
    world.burn()
    await world.spend(AMOUNT // 100, after=after)
    assert 1 < world.burn(after=1) < 1.25


async def test_what_was_spent_before_this_process_began_counts():
    book = "key:k1/usd/day@2024-10-04T00:00:00+00:00"
    world = World(usd(), now=START + DAY / 2, spent={book: AMOUNT * 3 // 4})
    await world.limits.remaining(ANN)
    assert world.burn() == pytest.approx((0.75 + 0.05) / (0.5 + 0.05) * 0.5 / 0.25)


async def test_where_nothing_is_left_it_burns_as_fast_as_can_be_said():
    for limit in (usd(), usd(Span.ROLLING, rolling_s=DAY)):
        world = World(limit)
        await world.spend(AMOUNT)
        assert world.burn() == BURN_MAX


async def test_it_is_looked_at_once_a_second():
    world = World(usd(), now=START + 100)
    await world.spend(0)
    before = world.burn()
    await world.spend(AMOUNT // 10)
    assert world.burn(after=0.9) == before
    assert world.burn(after=0.1) > before
    assert world.burn(after=-5) > before  # A clock that was set back tells nothing new.


async def test_what_other_replicas_spend_counts():
    world = World(usd())
    (account,) = await world.limits.accounts(ANN)
    world.burn()
    account.others = Standing(spent=AMOUNT // 10)
    assert world.burn(after=60) > 2


async def test_a_rolling_window_is_compared_with_what_it_allows_in_its_length():
    """What leaves it is not taken for money that came back."""
    world = World(usd(Span.ROLLING, rolling_s=DAY))
    await world.limits.remaining(ANN)
    assert world.burn() < 0.1
    assert (await steady(world, 0.9, 60))[30:] == pytest.approx([0.9] * 30, abs=0.05)
    assert (await steady(world, 0.1, 12))[-1] == pytest.approx(0.1, abs=0.02)


async def test_a_new_window_begins_at_the_pace_that_lasts():
    world = World(usd())
    await steady(world, 2.0, 11)
    await world.spend(0, after=13 * 3600)
    assert world.burn(after=1) == pytest.approx(1, abs=0.01)


@given(
    st.lists(st.tuples(st.floats(0.001, DAY / 10), st.integers(0, AMOUNT)), max_size=30),
    st.integers(-AMOUNT, AMOUNT),
)
def test_the_rate_lies_between_nothing_and_the_most_that_was_seen(steps, correction):
    spending = Spending.seen(0, 0.0, AMOUNT, DAY, at=0.0, ever=0)
    now, ever, rates = 0.0, 0, [spending.rate]
    for passed, amount in steps:
        now, ever = now + passed, ever + amount
        spending.look(ever, now)
        rates.append(amount / passed)
        assert 0 <= spending.rate <= max(rates) * 1.000001
    spending.look(ever + correction, now + 1)
    assert 0 <= spending.rate <= max(*rates, AMOUNT)
    assert spending.burn(0, 10) == spending.burn(-5, 10) == BURN_MAX
    assert spending.burn(AMOUNT, 0) == spending.burn(AMOUNT, -1) == 0
