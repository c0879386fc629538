"""Thresholds: each is told once for its node and window, by whoever notices it first, and not again after a restart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.errors import Unavailable
from gateway.core.limit import Fare, Limit, Mode, Span, Unit
from gateway.limits.accounts import Account
from gateway.limits.chain import Limits
from gateway.limits.leases import Leases
from gateway.limits.rolling import RollingAccount
from gateway.limits.thresholds import Thresholds, level
from gateway.limits.windows import window_at
from gateway.stores.base import Standing

NOW = 1_800_000_000.0


def usd(amount=1000, alert=(50, 80, 100), span=Span.DAY, **more):
    return Limit("team:*", Unit.USD, amount, span, alert=alert, **more)


def account(limit, now=NOW, node="team:a"):
    return Account(node, limit, window_at(limit.span, limit.timezone, now))


class Replica:
    """One process: what it told."""

    def __init__(self, store=None, name="a"):
        self.store, self.told = store or MemoryStore(), []
        self.thresholds = Thresholds(self.store, self.told.append)
        self.leases = Leases(self.store, name, self.balances, lambda: NOW, self.thresholds)
        self.booked = {}

    async def balances(self, names):
        return self.booked

    async def spend(self, account, amount, now=NOW):
        await self.leases.open([account])
        account.hold(amount)
        account.settle(amount, amount)
        await self.leases.sync(now)

    @property
    def percentages(self):
        return [event.percent for event in self.told]


@given(st.integers(0, 10**16), st.integers(1, 1000))
def test_the_level_of_a_threshold_is_exact_and_never_nothing(amount, percent):
    found = level(usd(amount), percent)
    assert found >= 1
    assert found * 100 >= amount * percent
    assert found == 1 or (found - 1) * 100 < amount * percent


async def test_a_threshold_is_told_once_when_that_much_is_spent():
    one, team = Replica(), account(usd())
    for amount, told in ((499, []), (1, [50]), (0, [50]), (299, [50]), (200, [50, 80]), (1, [50, 80, 100])):
        await one.spend(team, amount)
        assert one.percentages == told
    event = one.told[1]
    assert event.name == "team:a/usd/day@2027-01-15T00:00:00+00:00 80% of 1000"
    assert (event.node, event.limit, event.window) == ("team:a", "team:*/usd/day", "day")
    assert (event.spent, event.amount) == ("$0.000000999", "$0.000001")
    assert event.at == "2027-01-15T08:00:00+00:00"
    assert event.resets_at == "2027-01-16T00:00:00+00:00"
    assert event.sentence == (
        "team:a has spent 80 % of its limit (day): $0.000000999 of $0.000001. It resets at 2027-01-16T00:00:00+00:00."
    )
    assert await one.store.told() == one.told


async def test_a_limit_without_thresholds_is_never_told_of():
    one = Replica()
    await one.spend(account(usd(alert=())), 5000)
    assert one.told == []


async def test_every_window_and_every_node_has_thresholds_of_its_own():
    one, limit = Replica(), usd(alert=(50,))
    for team in (account(limit), account(limit, node="team:b"), account(limit, NOW + 86400)):
        await one.spend(team, 600)
    assert [(event.node, event.percent) for event in one.told] == [("team:a", 50), ("team:b", 50), ("team:a", 50)]


async def test_a_window_that_has_ended_is_told_of_though_it_is_forgotten():
    one, team = Replica(), account(usd())
    await one.spend(team, 600, now=team.window.end)
    assert one.percentages == [50]
    assert list(one.leases.accounts) == []


async def test_replicas_count_together_and_tell_once():
    store = MemoryStore(exclusive=False)
    one, two = Replica(store, "a"), Replica(store, "b")
    mine, yours = account(usd()), account(usd())
    await one.spend(mine, 300)
    await two.spend(yours, 300)
    assert (one.percentages, two.percentages) == ([], [50])
    await one.spend(mine, 1)
    assert one.percentages == []


async def test_after_a_restart_only_what_nobody_has_told_is_told():
    one, team = Replica(), account(usd())
    await one.spend(team, 600)
    again = Replica(one.store)
    again.booked = {team.id: 900}
    await again.spend(account(usd()), 0)
    assert again.percentages == [80]


async def test_another_amount_arms_its_thresholds_anew():
    one, team = Replica(), account(usd(mode=Mode.SOFT))
    await one.spend(team, 600)
    team.ruled(usd(2000, mode=Mode.SOFT))
    await one.spend(team, 300)
    assert one.percentages == [50], "900 of 2000"
    await one.spend(team, 150)
    team.ruled(usd(1300, mode=Mode.SOFT))
    await one.spend(team, 0)
    assert [(event.percent, event.amount) for event in one.told] == [
        (50, "$0.000001"),
        (50, "$0.000002"),
        (50, "$0.0000013"),
        (80, "$0.0000013"),
    ]
    team.ruled(usd(2000, alert=(50,), mode=Mode.SOFT))
    await one.spend(team, 0)
    assert len(one.told) == 4, "told before"


async def test_a_store_that_fails_has_it_told_the_next_time():
    class Failing(MemoryStore):
        down = False

        async def claim(self, events):
            if self.down:
                raise Unavailable("down")
            return await super().claim(events)

    one, team = Replica(Failing()), account(usd())
    one.store.down = True
    with pytest.raises(Unavailable):
        await one.spend(team, 600)
    assert one.told == []
    one.store.down = False
    await one.leases.sync(NOW)
    assert one.percentages == [50]


async def test_an_amount_that_changes_while_the_store_is_asked_is_looked_at_again():
    class Changing(MemoryStore):
        async def claim(self, events):
            told = await super().claim(events)
            if team.limit.amount == 1000:
                team.ruled(usd(700))
            return told

    one, team = Replica(Changing()), account(usd())
    await one.spend(team, 600)
    await one.leases.sync(NOW)
    assert [(event.percent, event.amount) for event in one.told] == [
        (50, "$0.000001"),
        (50, "$0.0000007"),
        (80, "$0.0000007"),
    ]


async def test_a_rolling_window_is_told_of_once_in_its_length_and_again_when_it_was_below():
    now = [NOW]
    one, limit = Replica(), Limit("all", Unit.USD, 1000, Span.ROLLING, rolling_s=600, alert=(80,))
    rolling = RollingAccount("all", limit, lambda: now[0])

    async def spend(amount):
        await one.spend(rolling, amount, now[0])

    await spend(900)
    now[0] += 10
    await spend(10)
    assert one.percentages == [80]
    assert one.told[0].resets_at == "2027-01-15T08:10:10+00:00"
    now[0] += 600
    await spend(100)
    now[0] += 1
    await spend(800)
    assert one.percentages == [80, 80]
    assert len({event.name for event in one.told}) == 2
    now[0] += 610
    await spend(0)
    assert rolling.alerted == 0


@pytest.mark.parametrize(
    ("limit", "days"),
    [(usd(span=Span.HOUR), 2), (usd(span=Span.DAY), 30), (usd(span=Span.LIFETIME), None)],
)
async def test_it_is_known_for_longer_than_the_window_that_it_was_told(limit, days):
    one, team = Replica(), account(limit)
    await one.spend(team, 600)
    assert one.told[0].kept_until == (None if days is None else team.window.end + days * 86400)


def test_what_others_have_spent_counts():
    one, team = Replica(), account(usd())
    team.others = Standing(spent=500)
    one.thresholds.note([team])
    assert one.thresholds._due == {team.id: team}


async def test_a_limit_that_was_taken_away_tells_nothing_any_more():
    """Calls in flight still settle there."""
    one, team = Replica(), Caller(key_id="k", team="a")
    limits = Limits([usd()], one.leases, lambda: NOW)
    hold = await limits.hold(team, Fare(nanos=900))
    limits.rule([])
    hold.settle(Fare(nanos=900, concurrent=0))
    await one.leases.sync(NOW)
    assert one.told == []
    limits.rule([usd()])
    await limits.accounts(team)
    await one.leases.sync(NOW)
    assert one.percentages == [50, 80]
