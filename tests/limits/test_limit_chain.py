"""A caller's chain of limits: who is on it, what is left, and a fresh account for every window."""

import asyncio
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached, Unavailable
from gateway.core.limit import Fare, HoldMode, Limit, Mode, Span, Tightening, Unit
from gateway.core.money import Money
from gateway.core.node import Place
from gateway.limits import chain as chain_module
from gateway.limits.chain import Limits
from gateway.limits.holds import may_come_back
from gateway.limits.leases import Leases
from gateway.limits.rules import Rules

ANN = Caller(key_id="k1", org="o", team="t", user="ann")
BOB = Caller(key_id="k2", org="o", team="t", user="bob")


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


class Ledger:
    """Balances as the ledger would tell them, and a note of who asked."""

    def __init__(self, **spent):
        self.spent = spent
        self.asked = []

    async def __call__(self, names):
        self.asked.append(names)
        return {name: self.spent[name] for name in names if name in self.spent}


def make(*limits, ledger=None, clock=None, store=None):
    leases = Leases(store or MemoryStore(), "r1", ledger or Ledger())
    return Limits(limits, leases, clock or Clock())


def usd(node, amount, span=Span.DAY, **more):
    return Limit(node, Unit.USD, amount, span, **more)


def test_every_limit_at_and_above_the_key_is_on_the_chain_and_no_other():
    limits = make(
        usd("all", 1), usd("org:o", 2), usd("org:x", 3), usd("team:t", 4), usd("user:bob", 5), usd("key:k1", 6)
    )
    assert [s.limit.amount for s in limits.chain(ANN).series] == [1, 2, 4, 6]
    assert [s.limit.amount for s in limits.chain(BOB).series] == [1, 2, 4, 5]


def test_a_limit_that_names_a_node_stands_in_the_place_of_one_for_all_of_its_kind():
    """Both would have one account and book every call twice."""
    limits = make(usd("team:t", 500), usd("team:*", 10), usd("team:*", 3, Span.HOUR), usd("team:x", 9))
    assert [s.limit.amount for s in limits.chain(ANN).series] == [500, 3]
    other = Caller(key_id="k3", team="u")
    assert [s.limit.amount for s in limits.chain(other).series] == [10, 3]


def test_a_clock_that_is_set_back_finds_the_account_that_it_left():
    clock = Clock()
    series = make(usd("all", 10, Span.HOUR), clock=clock).chain(ANN).series[0]
    before, after = series.at(clock.now), series.at(clock.now + 3600)
    assert before is not after
    assert series.at(clock.now) is before
    assert series.at(clock.now + 3600) is after


def test_a_star_gives_every_node_an_account_of_its_own():
    limits = make(usd("key:*", 10))
    (ann,), (bob,) = limits.chain(ANN).series, limits.chain(BOB).series
    assert (ann.node, bob.node) == ("key:k1", "key:k2")
    assert ann is not bob


def test_callers_below_one_node_share_its_account():
    limits = make(usd("team:t", 10), usd("key:*", 10))
    assert limits.chain(ANN).series[0] is limits.chain(BOB).series[0]


def test_two_limits_of_one_node_are_two_accounts():
    limits = make(usd("team:t", 10), usd("team:t", 20, Span.MONTH), Limit("team:t", Unit.TOKENS, 5, Span.DAY))
    assert len({s.at(0.0).id for s in limits.chain(ANN).series}) == 3


def test_a_chain_is_worked_out_once_and_survives_being_forgotten(monkeypatch):
    """When too many callers are remembered all are worked out anew, with the same accounts."""
    limits = make(usd("key:*", 10))
    first = limits.chain(ANN)
    assert limits.chain(ANN) is first
    monkeypatch.setattr(chain_module, "CHAINS_KEPT_MAX", 1)
    limits.chain(BOB)
    again = limits.chain(ANN)
    assert again is not first
    assert again.series[0] is first.series[0]


async def test_a_new_window_is_a_fresh_account_and_calls_in_flight_settle_in_the_old_one():
    clock = Clock()
    limits = make(usd("all", 100, Span.HOUR), clock=clock)
    hold = await limits.hold(ANN, Fare(nanos=80))
    with pytest.raises(LimitReached):
        await limits.hold(ANN, Fare(nanos=80))
    clock.now += 3600
    second = await limits.hold(ANN, Fare(nanos=80))
    (old,), (new,) = hold.accounts, second.accounts
    assert old.window.end == new.window.start
    assert old.id != new.id
    assert hold.settle(Fare(nanos=70)) == ((old.id, 70),)
    assert (old.spent, new.spent, new.held) == (70, 0, 80)


async def test_the_same_window_is_the_same_account_to_its_last_moment():
    clock = Clock()
    limits = make(usd("all", 100, Span.HOUR), clock=clock)
    (first,) = await limits.accounts(ANN)
    clock.now = first.window.end - 0.001
    assert (await limits.accounts(ANN))[0] is first
    clock.now = first.window.start
    assert (await limits.accounts(ANN))[0] is first
    clock.now = first.window.end
    assert (await limits.accounts(ANN))[0] is not first


async def test_what_the_ledger_knows_is_spent_already():
    clock = Clock()
    name = make(usd("all", 100), clock=clock).chain(ANN).series[0].at(clock.now).id
    limits = make(usd("all", 100), clock=clock, ledger=Ledger(**{name: 60}))
    assert await limits.remaining(ANN) == Money.of_nanos(40)
    with pytest.raises(LimitReached):
        await limits.hold(ANN, Fare(nanos=41))
    await limits.hold(ANN, Fare(nanos=40))


async def test_a_refused_hold_takes_nothing_from_any_account():
    limits = make(usd("all", 100), usd("key:*", 10))
    with pytest.raises(LimitReached):
        await limits.hold(ANN, Fare(nanos=50))
    assert [a.held for a in await limits.accounts(ANN)] == [0, 0]


async def test_accounts_that_are_open_need_neither_store_nor_ledger():
    ledger = Ledger()
    limits = make(usd("all", 100), usd("key:*", 10), ledger=ledger)
    await limits.accounts(ANN)
    await limits.accounts(ANN)
    await limits.accounts(BOB)
    assert [len(names) for names in ledger.asked] == [2, 1]


async def test_without_limits_nothing_is_asked_and_nothing_is_known():
    ledger = Ledger()
    limits = make(ledger=ledger)
    hold = await limits.hold(ANN, Fare(nanos=10**15, output_tokens=10**9))
    assert hold.settle(Fare(nanos=5, output_tokens=5)) == ()
    assert await limits.remaining(ANN) is None
    assert limits.remaining_now(ANN) is None
    assert ledger.asked == []


async def test_what_is_left_is_that_of_the_tightest_hard_budget_in_dollars():
    limits = make(
        usd("all", 100), usd("team:t", 50), usd("user:ann", 20, mode=Mode.SOFT), usd("key:k1", 5, mode=Mode.SHADOW),
        Limit("all", Unit.TOKENS, 1, Span.DAY),
    )  # fmt: skip
    assert await limits.remaining(ANN) == Money.of_nanos(50)


async def test_what_is_left_is_never_less_than_nothing():
    limits = make(usd("all", 100))
    hold = await limits.hold(ANN, Fare(nanos=10))
    hold.settle(Fare(nanos=500))
    assert await limits.remaining(ANN) == Money(0)


async def test_telling_what_is_left_waits_for_nothing_and_guesses_nothing():
    limits = make(usd("all", 100))
    assert limits.remaining_now(ANN) is None
    await limits.accounts(ANN)
    assert limits.remaining_now(ANN) == Money.of_nanos(100)


@pytest.mark.parametrize(
    ("limit", "guards"),
    [
        (usd("all", 1), True),
        (usd("key:*", 1), True),
        (usd("all", 1, mode=Mode.SOFT), False),
        (usd("all", 1, mode=Mode.SHADOW), False),
        (Limit("all", Unit.TOKENS, 1, Span.DAY), False),
        (usd("team:other", 1), False),
    ],
)
def test_only_a_hard_budget_in_dollars_on_the_chain_guards_money(limit, guards):
    assert make(limit).chain(ANN).guards_money is guards


def test_one_strict_limit_makes_the_whole_chain_strict():
    strict, progressive = usd("all", 1, hold=HoldMode.STRICT), usd("team:t", 1)
    assert make(progressive, strict).chain(ANN).hold_mode is HoldMode.STRICT
    assert make(progressive).chain(ANN).hold_mode is HoldMode.PROGRESSIVE
    assert make().chain(ANN).hold_mode is HoldMode.PROGRESSIVE


async def test_a_store_that_does_not_answer_refuses_new_callers_only():
    """Whoever has an open account goes on spending what is leased."""

    class Failing(MemoryStore):
        down = False

        async def exchange(self, replica, asks):
            if self.down:
                raise Unavailable("down")
            return await super().exchange(replica, asks)

    store = Failing()
    limits = make(usd("key:*", 100), store=store)
    await limits.accounts(ANN)
    store.down = True
    await limits.hold(ANN, Fare(nanos=1))
    with pytest.raises(Unavailable):
        await limits.hold(BOB, Fare(nanos=1))
    store.down = False
    await limits.hold(BOB, Fare(nanos=1))


HERE, THERE = Place("openai", "standard", "gpt"), Place("azure", "standard", "gpt")


def nodes(chain):
    return [series.node for series in chain.series]


async def test_limits_on_places_stand_over_calls_that_go_there():
    limits = make(usd("all", 9), usd("provider:*", 100), usd("model:gpt", 50), usd("team:t provider:azure", 7))
    assert nodes(limits.chain(ANN)) == ["all"]
    assert nodes(limits.chain(ANN, HERE)) == ["all", "provider:openai", "model:gpt"]
    assert nodes(limits.chain(ANN, THERE)) == ["all", "team:t provider:azure", "provider:azure", "model:gpt"]
    assert [a.node for a in await limits.accounts(ANN, HERE)] == ["all", "provider:openai", "model:gpt"]


@pytest.mark.parametrize("model", ["gpt 5", "gpt-5 model:x", "gpt-5 team:other"])
async def test_a_limit_on_models_stands_over_one_with_spaces_in_its_name_and_stays_when_rules_change(model):
    every, one = usd("model:*", 10), usd(f"model:{model.replace(' ', '%20')}", 5)
    limits, place = make(), Place("openai", "premium", model)
    for rules, most in (([every], 10), ([every, one], 5)):
        limits.rule(rules)
        (await limits.hold(ANN, Fare(nanos=most), place=place)).void()
        with pytest.raises(LimitReached):
            await limits.hold(ANN, Fare(nanos=most + 1), place=place)


async def test_limits_on_places_are_none_of_a_caller_that_they_do_not_name():
    limits = make(usd("team:x provider:openai", 7, hold=HoldMode.STRICT))
    assert nodes(limits.chain(ANN, HERE)) == []
    assert not limits.chain(ANN).guards_money
    other = Caller(key_id="k", team="x")
    assert limits.chain(other).guards_money  # Wherever it goes: that is not decided yet.
    assert limits.chain(other).hold_mode is HoldMode.STRICT


async def test_a_call_that_goes_elsewhere_is_held_for_there_and_not_here():
    limits = make(usd("all", 100), usd("provider:*", 60))
    hold = await limits.hold(ANN, Fare(nanos=50), None, HERE)
    await limits.move(hold, ANN, THERE, Fare(nanos=55))
    assert {a.node: a.held for a in hold.accounts} == {"all": 55, "provider:azure": 55}
    await limits.move(hold, ANN, THERE, Fare(nanos=58))
    assert {a.node: a.held for a in hold.accounts} == {"all": 58, "provider:azure": 58}
    with pytest.raises(LimitReached) as refused:
        await limits.move(hold, ANN, HERE, Fare(nanos=61))
    assert refused.value.refusal.node == "provider:openai"
    hold.void()
    assert all(series.at(0).held == 0 for series in limits.chain(ANN, HERE).series)


async def test_without_limits_on_places_a_call_goes_anywhere():
    limits = make(usd("all", 100))
    hold = await limits.hold(ANN, Fare(nanos=50), None, HERE)
    await limits.move(hold, ANN, THERE, Fare(nanos=60))
    assert [a.held for a in hold.accounts] == [60]


def invented(number):
    return Place("openai", "standard", f"invented-{number}")


async def invent(limits, count):
    """Calls for models that no provider knows: they cost nothing."""
    for number in range(count):
        (await limits.hold(ANN, Fare(nanos=0), place=invented(number))).void()


async def test_models_that_callers_invent_are_forgotten_again(monkeypatch):
    monkeypatch.setattr(chain_module, "SERIES_KEPT_MAX", 10)
    limits = make(Limit("model:*", Unit.REQUESTS, 100, Span.LIFETIME))
    await invent(limits, 200)
    assert len(limits._series) <= 10
    assert len([*limits._leases.accounts]) <= 10


async def test_what_is_in_use_is_not_forgotten_with_them(monkeypatch):
    """All calls must settle on one account; also one that holds nothing there so far."""
    monkeypatch.setattr(chain_module, "SERIES_KEPT_MAX", 10)
    limits, tokens = make(Limit("model:*", Unit.OUTPUT_TOKENS, 100, Span.DAY)), Fare(nanos=0, output_tokens=7)
    held = await limits.hold(ANN, tokens, place=HERE)
    idle = await limits.hold(ANN, Fare(nanos=0), place=invented("idle"))
    await invent(limits, 100)
    idle.settle(tokens)
    assert await limits.accounts(ANN, HERE) == held.accounts
    assert await limits.accounts(ANN, invented("idle")) == idle.accounts


async def test_what_was_spent_is_forgotten_with_its_window_alone(monkeypatch):
    """The ledger may not have it yet."""
    monkeypatch.setattr(chain_module, "SERIES_KEPT_MAX", 10)
    clock, fare = Clock(), Fare(nanos=0, output_tokens=7)
    limits = make(Limit("model:*", Unit.OUTPUT_TOKENS, 100, Span.HOUR), clock=clock)
    (await limits.hold(ANN, fare, place=HERE)).settle(fare)
    await limits._leases.sync(clock.now)
    await invent(limits, 100)
    assert [account.spent for account in await limits.accounts(ANN, HERE)] == [7]
    kept = ref(limits.chain(ANN, HERE).series[0])
    clock.now += 3600
    await limits._leases.sync(clock.now)
    await invent(limits, 100)
    assert kept() is None


async def test_a_call_that_still_waits_for_a_balance_has_the_account_that_all_have(monkeypatch):
    monkeypatch.setattr(chain_module, "SERIES_KEPT_MAX", 10)
    known = asyncio.Event()

    async def slowly(names):
        await known.wait()
        return {}

    limits = make(Limit("model:*", Unit.REQUESTS, 100, Span.DAY), ledger=slowly)
    first = asyncio.create_task(limits.hold(ANN, Fare(nanos=0), place=HERE))
    await asyncio.sleep(0)
    for number in range(50):
        limits.chain(ANN, invented(number))
    second = asyncio.create_task(limits.hold(BOB, Fare(nanos=0), place=HERE))
    await asyncio.sleep(0)
    known.set()
    assert (await first).accounts[0] is (await second).accounts[0]
    assert (await first).accounts[0].held == 2


async def test_what_was_leased_on_what_is_forgotten_goes_to_who_lacks_it(monkeypatch):
    monkeypatch.setattr(chain_module, "SERIES_KEPT_MAX", 1)
    store, limit, clock = MemoryStore(exclusive=False), Limit("model:*", Unit.REQUESTS, 10, Span.LIFETIME), Clock()
    one, two = (Limits([limit], Leases(store, name, Ledger(), clock), clock) for name in "ab")
    (await one.hold(ANN, Fare(nanos=0), place=HERE)).void()
    for _ in range(3):
        await one._leases.sync(clock.now)
    one.chain(ANN, invented(1))
    assert not [*one._leases.accounts]
    assert store.standings("model:gpt/requests/lifetime@always")["a"].leased > 0
    other = asyncio.create_task(two.hold(BOB, Fare(nanos=0, requests=10), place=HERE))
    while not other.done():
        await one._leases.sync(clock.now)
        await asyncio.sleep(0.01)
    assert (await other).accounts[0].held == 10


def teams(node, amount, **more):
    """A limit that a team's admin has set."""
    return Tightening.of(usd(node, amount, **more))


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("given", "set_by_team", "rules"),
    [
        ([usd("key:*", 50)], teams("key:k1", 40), ("key:k1", 40)),
        ([usd("key:*", 50)], teams("key:k1", 60), ("key:*", 50)),
        ([usd("key:*", 50), usd("key:k1", 70)], teams("key:*", 60), ("key:k1", 70)),
        ([], teams("key:k1", 60), ("key:k1", 60)),
    ],
)
def test_what_a_teams_admin_has_set_rules_where_it_is_less_than_what_others_have_set(given, set_by_team, rules, order):
    """Also where these set theirs later: the one of two that names the node does not loosen the other."""
    limits = make(*[*given, set_by_team][::order])
    (series,) = limits.chain(ANN).series
    assert (series.limit.node, series.limit.amount) == rules


def test_what_a_teams_admin_has_set_for_every_model_loosens_no_limit_of_one_model():
    """Each of the two names a part of what a call is known by, and neither is the narrower one."""
    limits = make(usd("key:* model:m", 10, hold=HoldMode.STRICT), teams("key:k1 model:*", 20, mode=Mode.SHADOW))
    found = {model: limits.chain(ANN, Place("p", "t", model)).series for model in "mn"}
    assert {model: [(s.limit.amount, s.limit.mode) for s in series] for model, series in found.items()} == {
        "m": [(10, Mode.HARD)],
        "n": [(20, Mode.SHADOW)],
    }


def test_but_for_its_amount_a_limit_of_a_teams_admin_is_the_one_that_it_tightens():
    limits = make(usd("key:*", 50, alert=(80,), timezone="Asia/Tokyo"), teams("key:k1", 40, mode=Mode.SOFT))
    (series,) = limits.chain(ANN).series
    assert series.limit == usd("key:k1", 40, alert=(80,), timezone="Asia/Tokyo")


@pytest.mark.parametrize("mode", [Mode.SOFT, Mode.SHADOW])
@pytest.mark.parametrize("amount", [30, 1000])
def test_a_limit_that_refuses_less_takes_the_place_of_none_of_a_teams_admin(mode, amount):
    team = teams("key:k1", 40)
    (series,) = make(usd("key:*", amount, mode=mode), team).chain(ANN).series
    assert series.limit == team


def test_a_team_admin_may_hold_more_strictly_than_others_say():
    (series,) = make(usd("key:*", 30), teams("key:k1", 40, hold=HoldMode.STRICT)).chain(ANN).series
    assert (series.limit.amount, series.limit.hold) == (30, HoldMode.STRICT)


def test_tags_that_a_call_brings_are_heeded_where_a_limit_names_them():
    """A star stands for what keys carry: else callers could open any number of accounts."""
    caller = Caller(key_id="k", tags=("prod", "web"), brought_tags=("launch", "junk"))
    limits = make(usd("tag:*", 5), usd("tag:launch", 9), usd("tag:web", 7))
    assert sorted((s.node, s.limit.amount) for s in limits.chain(caller).series) == [
        ("tag:launch", 9),
        ("tag:prod", 5),
        ("tag:web", 7),
    ]


async def test_rules_may_change_while_calls_are_under_way():
    clock = Clock()
    limits = make(usd("team:t", 100), usd("key:*", 80), usd("user:ann", 90), clock=clock)
    hold = await limits.hold(ANN, Fare(nanos=70))
    first = dict(zip(("team:t", "user:ann", "key:k1"), hold.accounts, strict=True))
    hour, *_ = limits.chain(BOB).series
    limits.rule([usd("team:t", 75), usd("team:t provider:azure", 1), usd("key:*", 80), usd("key:k1", 500)])
    assert limits.chain(BOB).series[-1].limit.amount == 80  # As it was.
    assert hour is limits.chain(BOB).series[0]
    assert nodes(limits.chain(ANN)) == ["team:t", "key:k1"]
    again = await limits.accounts(ANN)
    assert again[0] is first["team:t"]
    assert again[1] is first["key:k1"]
    assert [a.limit.amount for a in again] == [75, 500]
    with pytest.raises(LimitReached) as refused:
        await limits.hold(ANN, Fare(nanos=6))
    assert refused.value.refusal.node == "team:t"
    assert not first["user:ann"].refuses(10**9)  # No rule any more: what is in flight ends in peace.
    hold.settle(Fare(nanos=70, concurrent=0))
    assert first["user:ann"].spent == 70


RULES = st.lists(
    st.builds(
        usd,
        st.sampled_from(
            ["all", "key:*", "key:k1", "team:t", "key:* model:*", "key:k1 model:*", "key:* model:m", "tag:*", "tag:a"]
        ),
        st.integers(1, 2),
        st.sampled_from([Span.DAY, Span.MONTH]),
    ).flatmap(lambda limit: st.sampled_from([limit, Tightening.of(limit)])),
    max_size=8,
)


@given(st.lists(RULES, min_size=2, max_size=5))
def test_whatever_changes_everything_is_ruled_as_if_it_were_made_anew(rules):
    limits = make()
    for now in rules:
        limits.rule(now)
        for key in ("k1", "k2"):
            limits.chain(Caller(key_id=key, team="t", tags=("a", "b")), Place("p", "t", "m"))
        for (node, counts), series in limits._series.items():
            ruling = Rules(now).at(node).get((node, counts))
            assert series.limit == ruling or (ruling is None and series.limit.mode is Mode.SHADOW)


@pytest.mark.parametrize(
    ("before", "after", "looked_at"),
    [
        ([], [usd("key:k7", 5)], 1),
        ([usd("key:k7", 5)], [usd("key:k7", 6)], 1),
        ([usd("key:k7", 5)], [], 1),
        ([usd("key:k7", 5)], [usd("key:k7", 5)], 0),
        ([], [usd("key:k7", 5, Span.MONTH)], 0),
        ([], [usd("key:nobody model:*", 5)], 0),
        ([], [usd("user:*", 5)], 0),
        ([], [usd("key:k7 model:*", 5)], 2),
        ([usd("key:k7 model:*", 5), usd("all", 9)], [usd("all", 9), usd("key:k7 model:*", 5)], 202),
    ],
)
def test_only_what_a_change_can_concern_is_looked_at(monkeypatch, before, after, looked_at):
    """There are many thousands of keys, and each of them may have a limit of its own, or get one any moment."""
    every, looked = [usd("key:*", 100), usd("key:* model:*", 50)], []
    limits = make(*every, *before)
    for number in range(100):
        for model in ["m", "n"][: 1 + (number == 7)]:
            limits.chain(Caller(key_id=f"k{number}"), Place("p", "t", model))
    at = Rules.at
    monkeypatch.setattr(Rules, "at", lambda rules, node: looked.append(node) or at(rules, node))
    limits.rule([*every, *after])
    assert len(looked) == looked_at


async def test_a_rule_that_comes_back_finds_what_was_spent_and_is_held():
    """The ledger may not have it yet."""
    limits = make(usd("team:t", 100))
    spent, held = [await limits.hold(ANN, Fare(nanos=30)) for _ in range(2)]
    spent.settle(Fare(nanos=30, concurrent=0))
    limits.rule([])
    assert nodes(limits.chain(ANN)) == []
    limits.rule([usd("team:t", 100)])
    (account,) = await limits.accounts(ANN)
    assert (account.spent, account.held, account.left) == (30, 30, 40)
    with pytest.raises(LimitReached):
        await limits.hold(ANN, Fare(nanos=41))
    held.settle(Fare(nanos=50, concurrent=0))
    assert account.left == 20


async def test_windows_in_another_time_zone_are_other_windows():
    limits = make(usd("team:t", 100))
    hold = await limits.hold(ANN, Fare(nanos=70))
    limits.rule([usd("team:t", 100, timezone="Asia/Tokyo")])
    (fresh,) = await limits.accounts(ANN)
    assert fresh is not hold.accounts[0]
    assert fresh.held == 0


async def test_what_is_only_held_may_come_back_and_what_is_spent_does_not():
    """Who is not patient is told at once, and may ask again."""
    limits = make(usd("all", 100))
    hold = await limits.hold(ANN, Fare(nanos=60))
    with pytest.raises(LimitReached) as refused:
        await limits.hold(ANN, Fare(nanos=50), patient=False)
    assert may_come_back(refused.value)
    hold.settle(Fare(nanos=60, concurrent=0))
    with pytest.raises(LimitReached) as refused:
        await limits.hold(ANN, Fare(nanos=50), patient=False)
    assert not may_come_back(refused.value)
    assert not may_come_back(LimitReached(refused.value.refusal))
    (account,) = await limits.accounts(ANN)
    assert account.booked == {account.id: 60}


async def test_the_accounts_that_run_are_those_that_were_opened_and_that_a_limit_speaks_of():
    """For whoever looks at all budgets: not the window before, nor what no limit counts any more."""
    clock = Clock()
    limits = make(usd("all", 9), usd("key:*", 5, Span.HOUR), clock=clock)
    assert limits.running(clock.now) == []
    await limits.accounts(ANN)
    await limits.accounts(BOB)
    assert sorted(a.node for a in limits.running(clock.now)) == ["all", "key:k1", "key:k2"]
    clock.now += 3600
    assert [a.node for a in limits.running(clock.now)] == ["all"]
    limits.rule([usd("key:*", 5, Span.HOUR)])
    assert limits.running(clock.now) == []


async def test_of_a_limit_that_was_set_anew_with_other_windows_only_those_run():
    limits = make(usd("all", 9))
    await limits.accounts(ANN)
    limits.rule([usd("all", 9, timezone="Asia/Tokyo")])
    (account,) = await limits.accounts(ANN)
    assert limits.running(Clock.now) == [account]
